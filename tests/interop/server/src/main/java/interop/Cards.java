package interop;

import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.repository.IRepository;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.hl7.fhir.instance.model.api.IIdType;
import org.hl7.fhir.r4.model.Bundle;
import org.hl7.fhir.r4.model.CanonicalType;
import org.hl7.fhir.r4.model.IdType;
import org.hl7.fhir.r4.model.Patient;
import org.hl7.fhir.r4.model.PlanDefinition;
import org.hl7.fhir.r4.model.Resource;
import org.opencds.cqf.fhir.cr.hapi.cdshooks.CdsResponseEncoderService;
import org.opencds.cqf.fhir.cr.plandefinition.PlanDefinitionProcessor;
import org.opencds.cqf.fhir.utility.monad.Eithers;
import org.opencds.cqf.fhir.utility.repository.InMemoryFhirRepository;

/**
 * What HAPI makes of a PlanDefinition, and the CDS Hooks cards that it makes of that.
 *
 * <p>{@code Cards FOLDER PLAN} prints two lines of JSON: the answer of $r5.apply, which HAPI's CDS Hooks bridge asks for, for
 * a patient of whom nothing is known; and the bridge's CDS Hooks response. FOLDER holds the resources as the content's
 * folder does.
 */
public final class Cards {
    private Cards() {}

    public static void main(String[] arguments) throws IOException {
        var context = FhirContext.forR4Cached();
        var held = new Bundle().setType(Bundle.BundleType.COLLECTION);
        held.addEntry().setResource((Resource) new Patient().setId("Patient/p"));
        try (Stream<Path> files = Files.walk(Path.of(arguments[0]), 2)) {
            for (Path file : files.filter(each -> each.toString().endsWith(".json")).sorted().toList()) {
                var text = Files.readString(file, StandardCharsets.UTF_8);
                held.addEntry().setResource((Resource) context.newJsonParser().parseResource(text));
            }
        }
        IRepository repository = new InMemoryFhirRepository(context, held);
        var plan = new IdType("PlanDefinition", arguments[1]);
        var applied = new PlanDefinitionProcessor(repository)
                .applyR5(
                        Eithers.<CanonicalType, IIdType, PlanDefinition>forMiddle3(plan),
                        List.of("Patient/p"), null, null, null, null, null, null, null, null,
                        null, false, null, List.of(),
                        (IRepository) null, null, null);
        var parser = context.newJsonParser();
        System.out.println(parser.encodeResourceToString(applied));
        var response = new CdsResponseEncoderService(repository).encodeResponse(applied);
        System.out.println(new ObjectMapper().writeValueAsString(response));
    }
}
