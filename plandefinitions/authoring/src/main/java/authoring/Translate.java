package authoring;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.cqframework.cql.cql2elm.CqlCompilerException;
import org.cqframework.cql.cql2elm.CqlCompilerOptions;
import org.cqframework.cql.cql2elm.CqlTranslator;
import org.cqframework.cql.cql2elm.DefaultLibrarySourceProvider;
import org.cqframework.cql.cql2elm.LibraryBuilder.SignatureLevel;
import org.cqframework.cql.cql2elm.LibraryManager;
import org.cqframework.cql.cql2elm.ModelManager;
import org.cqframework.cql.cql2elm.quick.FhirLibrarySourceProvider;
import org.cqframework.cql.elm.tracking.TrackBack;

/** The command line of the translator; the file cql-to-elm says how to use it. */
public final class Translate {
    private static final ObjectMapper JSON = new ObjectMapper();

    private final LibraryManager libraries;
    private final Path include;

    /** @param include folder in which included libraries are found by file name, or null */
    private Translate(Path include) {
        var options = new CqlCompilerOptions(
                CqlCompilerException.ErrorSeverity.Warning,
                SignatureLevel.Overloads,
                CqlCompilerOptions.Options.EnableResultTypes,
                CqlCompilerOptions.Options.DisableListDemotion,
                CqlCompilerOptions.Options.DisableListPromotion);
        this.include = include;
        libraries = new LibraryManager(new ModelManager(), options);
        if (include != null) {
            libraries.getLibrarySourceLoader().registerProvider(new DefaultLibrarySourceProvider(include));
        }
        libraries.getLibrarySourceLoader().registerProvider(new FhirLibrarySourceProvider());
    }

    public static void main(String[] args) throws IOException {
        Map<String, String> options = new HashMap<>();
        for (int i = 0; i < args.length; i++) {
            if (!args[i].startsWith("--") || i + 1 == args.length) {
                usage();
            }
            options.put(args[i].substring(2), args[++i]);
        }
        String out = options.remove("out");
        String include = options.remove("include");
        String folder = options.remove("folder");
        String batch = options.remove("batch");
        if (!options.isEmpty() || out == null || (folder == null) == (batch == null)) {
            usage();
        }
        if (folder != null) {
            System.exit(new Translate(Path.of(folder)).folder(Path.of(folder), Path.of(out)) ? 0 : 1);
        }
        new Translate(include == null ? null : Path.of(include)).batch(batch, out);
    }

    private static void usage() {
        System.err.println("usage: --folder DIR --out DIR | --batch FILE|- --out FILE|- [--include DIR]");
        System.exit(2);
    }

    /** Translates every *.cql of a folder; writes nothing when one of them has an error. */
    private boolean folder(Path in, Path out) throws IOException {
        List<Path> sources;
        try (var files = Files.list(in)) {
            sources = files.filter(file -> file.toString().endsWith(".cql")).sorted().toList();
        }
        if (sources.isEmpty()) {
            System.err.println(in + ": no .cql file");
            return false;
        }
        Set<String> errors = new LinkedHashSet<>();
        Set<String> warnings = new LinkedHashSet<>();
        Map<Path, String> elm = new HashMap<>();
        for (Path source : sources) {
            String name = source.getFileName().toString().replaceFirst("\\.cql$", "");
            CqlTranslator translator = CqlTranslator.fromText(Files.readString(source), libraries);
            translator.getErrors().forEach(error -> errors.add(located(error, source)));
            translator.getWarnings().forEach(warning -> warnings.add(located(warning, source) + " (warning)"));
            if (translator.getErrors().isEmpty()) {
                String identifier = translator.toELM().getIdentifier().getId();
                if (!name.equals(identifier)) {
                    errors.add(source + ":1:1 library is named " + identifier + ", its file " + name);
                }
                elm.put(out.resolve(name + ".json"), translator.toJson());
            }
        }
        warnings.forEach(System.err::println);
        errors.forEach(System.err::println);
        if (!errors.isEmpty()) {
            return false;
        }
        Files.createDirectories(out);
        for (var entry : elm.entrySet()) {
            Files.writeString(entry.getKey(), entry.getValue());
        }
        return true;
    }

    /** Error as file:line:column message; the file is the included one when the error is there. */
    private String located(CqlCompilerException error, Path source) {
        TrackBack where = error.getLocator();
        if (where == null) {
            return source + ":1:1 " + error.getMessage();
        }
        Path file = source;
        if (include != null && where.getLibrary() != null && where.getLibrary().getId() != null) {
            Path named = include.resolve(where.getLibrary().getId() + ".cql");
            file = Files.exists(named) ? named : source;
        }
        return file + ":" + where.getStartLine() + ":" + where.getStartChar() + " " + error.getMessage();
    }

    /** Translates {id: expression or library text}; every id gets an answer, so it always succeeds. */
    private void batch(String in, String out) throws IOException {
        ObjectNode answers = JSON.createObjectNode();
        try (InputStream input = in.equals("-") ? System.in : Files.newInputStream(Path.of(in))) {
            var fields = JSON.readTree(input).fields();
            while (fields.hasNext()) {
                var entry = fields.next();
                answers.set(entry.getKey(), answer(entry.getValue().asText()));
            }
        }
        byte[] bytes = JSON.writeValueAsString(answers).getBytes(StandardCharsets.UTF_8);
        if (out.equals("-")) {
            System.out.write(bytes);
            System.out.flush();
        } else {
            Files.write(Path.of(out), bytes);
        }
    }

    private JsonNode answer(String text) {
        String source = isLibrary(text) ? text : "library Batch\ndefine \"Test\":\n" + text + "\n";
        ObjectNode answer = JSON.createObjectNode();
        List<CqlCompilerException> errors = new ArrayList<>();
        try {
            CqlTranslator translator = CqlTranslator.fromText(source, libraries);
            errors.addAll(translator.getErrors());
            if (errors.isEmpty()) {
                answer.set("elm", JSON.readTree(translator.toJson()));
            }
        } catch (RuntimeException | IOException failure) {
            // the translator throws on a few inputs that it should report
            errors.add(new CqlCompilerException(failure.toString(), failure));
        }
        ArrayNode messages = answer.putArray("errors");
        for (CqlCompilerException error : errors) {
            TrackBack where = error.getLocator();
            String place = where == null ? "" : where.getStartLine() + ":" + where.getStartChar() + " ";
            messages.add(place + error.getMessage());
        }
        return answer;
    }

    private static boolean isLibrary(String text) {
        return text.stripLeading().startsWith("library ");
    }
}
