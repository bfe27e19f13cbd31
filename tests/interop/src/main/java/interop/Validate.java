package interop;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.context.support.DefaultProfileValidationSupport;
import ca.uhn.fhir.context.support.IValidationSupport;
import ca.uhn.fhir.validation.FhirValidator;
import java.io.BufferedReader;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.hl7.fhir.common.hapi.validation.support.CommonCodeSystemsTerminologyService;
import org.hl7.fhir.common.hapi.validation.support.InMemoryTerminologyServerValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.PrePopulatedValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.SnapshotGeneratingValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.UnknownCodeSystemWarningValidationSupport;
import org.hl7.fhir.common.hapi.validation.support.ValidationSupportChain;
import org.hl7.fhir.common.hapi.validation.validator.FhirInstanceValidator;
import org.hl7.fhir.instance.model.api.IBaseResource;
import org.hl7.fhir.r4.model.CodeSystem;
import org.hl7.fhir.r4.model.Enumerations;
import org.hl7.fhir.r4.model.StructureDefinition;
import org.hl7.fhir.r4.model.ValueSet;

/**
 * Validates FHIR R4 resources with HAPI's validator, many in one process.
 *
 * <p>{@code Validate CONTENT RESOURCES RESULTS}: RESOURCES holds one resource a line; RESULTS gets one OperationOutcome a
 * line. The CodeSystems, ValueSets and StructureDefinitions in CONTENT are known to the validator; code systems that
 * nobody sent it are not its concern.
 */
public final class Validate {
    private Validate() {}

    public static void main(String[] arguments) throws IOException {
        var context = FhirContext.forR4Cached();
        var own = new PrePopulatedValidationSupport(context);
        var parser = context.newJsonParser();
        try (Stream<Path> files = Files.walk(Path.of(arguments[0]), 2)) {
            for (Path file : files.filter(Validate::isJson).sorted().toList()) {
                IBaseResource resource = parser.parseResource(Files.readString(file, StandardCharsets.UTF_8));
                if (resource instanceof CodeSystem) {
                    own.addCodeSystem(resource);
                } else if (resource instanceof ValueSet) {
                    own.addValueSet(resource);
                } else if (resource instanceof StructureDefinition) {
                    own.addStructureDefinition(resource);
                }
            }
        }
        fragments(own).values().forEach(own::addCodeSystem);
        var unknown = new UnknownCodeSystemWarningValidationSupport(context);
        unknown.setNonExistentCodeSystemSeverity(
                IValidationSupport.IssueSeverity.WARNING);
        var chain = new ValidationSupportChain(
                own, // before FHIR's own, which knows SNOMED CT by name and holds none of it
                new DefaultProfileValidationSupport(context),
                new CommonCodeSystemsTerminologyService(context),
                new InMemoryTerminologyServerValidationSupport(context),
                new SnapshotGeneratingValidationSupport(context),
                unknown);
        FhirValidator validator = context.newValidator();
        validator.registerValidatorModule(new FhirInstanceValidator(chain));
        try (BufferedReader resources = Files.newBufferedReader(Path.of(arguments[1]), StandardCharsets.UTF_8);
                BufferedWriter results = Files.newBufferedWriter(Path.of(arguments[2]), StandardCharsets.UTF_8)) {
            for (String line = resources.readLine(); line != null; line = resources.readLine()) {
                var result = validator.validateWithResult(line);
                results.write(parser.encodeResourceToString(result.toOperationOutcome()));
                results.newLine();
            }
        }
    }

    /**
     * Code systems that our ValueSets take codes from and that nobody sent: the part of them that we list. Without
     * them the validator looks for CodeSystems in a way that HAPI does not implement (HAPI-0650).
     */
    private static Map<String, CodeSystem> fragments(PrePopulatedValidationSupport own) {
        var fragments = new TreeMap<String, CodeSystem>();
        for (IBaseResource resource : own.fetchAllConformanceResources()) {
            if (!(resource instanceof ValueSet valueSet)) {
                continue;
            }
            for (var include : valueSet.getCompose().getInclude()) {
                if (include.hasSystem() && own.fetchCodeSystem(include.getSystem()) == null) {
                    var fragment = fragments.computeIfAbsent(include.getSystem(), Validate::fragment);
                    include.getConcept().forEach(concept ->
                            fragment.addConcept().setCode(concept.getCode()).setDisplay(concept.getDisplay()));
                }
            }
        }
        return fragments;
    }

    private static CodeSystem fragment(String system) {
        return new CodeSystem()
                .setUrl(system)
                .setStatus(Enumerations.PublicationStatus.ACTIVE)
                .setContent(CodeSystem.CodeSystemContentMode.FRAGMENT);
    }

    private static boolean isJson(Path file) {
        return file.toString().endsWith(".json");
    }
}
