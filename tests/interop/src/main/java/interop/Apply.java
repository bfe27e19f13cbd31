package interop;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.parser.IParser;
import ca.uhn.fhir.repository.IRepository;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.instance.model.api.IIdType;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CanonicalType;
import org.hl7.fhir.r4.model.IdType;
import org.hl7.fhir.r4.model.OperationOutcome;
import org.hl7.fhir.r4.model.Parameters;
import org.hl7.fhir.r4.model.PlanDefinition;
import org.hl7.fhir.r4.model.Resource;
import org.opencds.cqf.fhir.cql.EvaluationSettings;
import org.opencds.cqf.fhir.cql.engine.terminology.TerminologySettings;
import org.opencds.cqf.fhir.cql.engine.terminology.TerminologySettings.VALUESET_EXPANSION_MODE;
import org.opencds.cqf.fhir.cql.engine.terminology.TerminologySettings.VALUESET_MEMBERSHIP_MODE;
import org.opencds.cqf.fhir.cql.engine.terminology.TerminologySettings.VALUESET_PRE_EXPANSION_MODE;
import org.opencds.cqf.fhir.cr.CrSettings;
import org.opencds.cqf.fhir.cr.plandefinition.PlanDefinitionProcessor;
import org.opencds.cqf.fhir.utility.monad.Eithers;
import org.opencds.cqf.fhir.utility.repository.InMemoryFhirRepository;

/**
 * Applies PlanDefinitions with HAPI's clinical reasoning engine, many patients in one process.
 *
 * <p>{@code Apply CONTENT REQUESTS RESULTS}: CONTENT is the folder of the guideline, its resources loaded as they are.
 * REQUESTS holds one FHIR Parameters a line, those of PlanDefinition/$apply: {@code planDefinitionId}, {@code subject},
 * {@code data} (Bundle) and {@code parameters}. RESULTS gets one line for each: the CarePlan, or an OperationOutcome.
 * The log (standard error) says where each begins, as only the log says which conditions were null.
 */
public final class Apply {
    private final FhirContext context = FhirContext.forR4Cached();
    private final IParser parser = context.newJsonParser();
    private final PlanDefinitionProcessor processor;

    private Apply(Path content) throws IOException {
        // A repository in memory has no $expand: the engine reads the codes that the ValueSets list.
        var terminology = new TerminologySettings()
                .setValuesetExpansionMode(VALUESET_EXPANSION_MODE.PERFORM_NAIVE_EXPANSION)
                .setValuesetMembershipMode(VALUESET_MEMBERSHIP_MODE.USE_EXPANSION)
                .setValuesetPreExpansionMode(VALUESET_PRE_EXPANSION_MODE.USE_IF_PRESENT);
        var evaluation = EvaluationSettings.getDefault().withTerminologySettings(terminology);
        var settings = CrSettings.getDefault().withEvaluationSettings(evaluation);
        processor = new PlanDefinitionProcessor(new InMemoryFhirRepository(context, load(content)), settings);
    }

    public static void main(String[] arguments) throws IOException {
        var apply = new Apply(Path.of(arguments[0]));
        try (BufferedReader requests = Files.newBufferedReader(Path.of(arguments[1]), StandardCharsets.UTF_8);
                BufferedWriter results = Files.newBufferedWriter(Path.of(arguments[2]), StandardCharsets.UTF_8)) {
            int number = 0;
            for (String line = requests.readLine(); line != null; line = requests.readLine()) {
                System.err.println("request " + number++);
                results.write(apply.parser.encodeResourceToString(apply.result(line)));
                results.newLine();
            }
        }
    }

    /** Every resource below the folder, in a Bundle; CQL and other files are not resources. */
    private Bundle load(Path folder) throws IOException {
        var bundle = new Bundle();
        bundle.setType(Bundle.BundleType.COLLECTION);
        try (Stream<Path> files = Files.walk(folder, 2)) {
            for (Path file : files.filter(each -> each.toString().endsWith(".json")).sorted().toList()) {
                var resource = (Resource) parser.parseResource(Files.readString(file, StandardCharsets.UTF_8));
                bundle.addEntry().setResource(resource);
            }
        }
        return bundle;
    }

    private IBaseResource result(String line) {
        var request = parser.parseResource(Parameters.class, line);
        try {
            return apply(request);
        } catch (RuntimeException error) {
            var outcome = new OperationOutcome();
            outcome.addIssue()
                    .setSeverity(OperationOutcome.IssueSeverity.FATAL)
                    .setCode(OperationOutcome.IssueType.EXCEPTION)
                    .setDiagnostics(trace(error));
            return outcome;
        }
    }

    private IBaseResource apply(Parameters request) {
        var plan = new IdType("PlanDefinition", request.getParameter("planDefinitionId").getValue().primitiveValue());
        var subject = request.getParameter("subject").getValue().primitiveValue();
        var data = (Bundle) request.getParameter("data").getResource();
        var parameters = (Parameters) request.getParameter("parameters").getResource();
        return processor.apply(
                Eithers.<CanonicalType, IIdType, PlanDefinition>forMiddle3(plan),
                subject, null, null, null, null, null, null, null, null,
                parameters, false, data, List.of(),
                (IRepository) null, null, null);
    }

    private static String trace(Throwable error) {
        var text = new StringBuilder();
        for (Throwable each = error; each != null; each = each.getCause()) {
            text.append(each).append('\n');
            for (int n = 0; n < Math.min(12, each.getStackTrace().length); n++) {
                text.append("  ").append(each.getStackTrace()[n]).append('\n');
            }
        }
        return text.toString();
    }
}
