package interop;

import ca.uhn.fhir.batch2.jobs.config.Batch2JobsConfig;
import ca.uhn.fhir.context.FhirContext;
import ca.uhn.fhir.jpa.api.config.JpaStorageSettings;
import ca.uhn.fhir.jpa.api.config.ThreadPoolFactoryConfig;
import ca.uhn.fhir.jpa.api.dao.DaoRegistry;
import ca.uhn.fhir.jpa.batch2.JpaBatch2Config;
import ca.uhn.fhir.jpa.binary.api.IBinaryStorageSvc;
import ca.uhn.fhir.jpa.binstore.MemoryBinaryStorageSvcImpl;
import ca.uhn.fhir.jpa.config.HapiJpaConfig;
import ca.uhn.fhir.jpa.config.r4.JpaR4Config;
import ca.uhn.fhir.jpa.config.util.HapiEntityManagerFactoryUtil;
import ca.uhn.fhir.jpa.model.config.PartitionSettings;
import ca.uhn.fhir.jpa.model.config.SubscriptionSettings;
import ca.uhn.fhir.jpa.model.dialect.HapiFhirH2Dialect;
import ca.uhn.fhir.jpa.packages.IPackageInstallerSvc;
import ca.uhn.fhir.jpa.packages.PackageInstallationSpec;
import ca.uhn.fhir.jpa.provider.IJpaSystemProvider;
import ca.uhn.fhir.jpa.search.DatabaseBackedPagingProvider;
import ca.uhn.fhir.jpa.search.HapiHSearchAnalysisConfigurers;
import ca.uhn.fhir.jpa.searchparam.config.NicknameServiceConfig;
import ca.uhn.fhir.jpa.subscription.channel.config.SubscriptionChannelConfig;
import ca.uhn.fhir.rest.server.RestfulServer;
import ca.uhn.fhir.rest.server.provider.ResourceProviderFactory;
import jakarta.persistence.EntityManagerFactory;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import javax.sql.DataSource;
import org.apache.commons.dbcp2.BasicDataSource;
import org.eclipse.jetty.ee10.servlet.ServletContextHandler;
import org.eclipse.jetty.ee10.servlet.ServletHolder;
import org.eclipse.jetty.server.ServerConnector;
import org.hl7.fhir.utilities.npm.NpmPackage;
import org.opencds.cqf.fhir.cql.EvaluationSettings;
import org.opencds.cqf.fhir.cql.engine.terminology.TerminologySettings.VALUESET_EXPANSION_MODE;
import org.opencds.cqf.fhir.cql.engine.terminology.TerminologySettings.VALUESET_MEMBERSHIP_MODE;
import org.opencds.cqf.fhir.cql.engine.terminology.TerminologySettings.VALUESET_PRE_EXPANSION_MODE;
import org.opencds.cqf.fhir.cql.engine.terminology.TerminologySettings;
import org.opencds.cqf.fhir.cr.CrSettings;
import org.opencds.cqf.fhir.cr.hapi.r4.plandefinition.PlanDefinitionApplyProvider;
import org.opencds.cqf.fhir.cr.hapi.repository.ClinicalIntelligenceHapiFhirRepository;
import org.opencds.cqf.fhir.cr.plandefinition.PlanDefinitionProcessor;
import org.springframework.beans.factory.config.ConfigurableListableBeanFactory;
import org.springframework.context.annotation.AnnotationConfigApplicationContext;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.context.annotation.Import;
import org.springframework.orm.jpa.JpaTransactionManager;
import org.springframework.orm.jpa.LocalContainerEntityManagerFactoryBean;
import org.springframework.transaction.annotation.EnableTransactionManagement;

/**
 * HAPI's JPA server (FHIR R4) on a database in memory, with PlanDefinition/$apply of its clinical reasoning.
 *
 * <p>{@code Server PORT [PACKAGE]} installs the FHIR NPM package, if one is given, listens on 127.0.0.1 and says
 * {@code ready} with its base url on standard output. Only wiring is ours; what it stores, finds and decides is HAPI's.
 */
public final class Server {
    private static final String GUIDE = "ImplementationGuide";

    private Server() {}

    public static void main(String[] arguments) throws Exception {
        try {
            serve(arguments);
        } catch (Exception error) {
            error.printStackTrace();
            System.exit(1); // its threads would run on
        }
    }

    private static void serve(String[] arguments) throws Exception {
        var beans = new AnnotationConfigApplicationContext(Beans.class);
        if (arguments.length > 1) {
            install(beans.getBean(IPackageInstallerSvc.class), Path.of(arguments[1]));
        }
        var jetty = new org.eclipse.jetty.server.Server();
        var connector = new ServerConnector(jetty, 1, 1);
        connector.setHost("127.0.0.1");
        connector.setPort(Integer.parseInt(arguments[0]));
        jetty.addConnector(connector);
        var handler = new ServletContextHandler("/");
        handler.addServlet(new ServletHolder(beans.getBean(RestfulServer.class)), "/fhir/*");
        jetty.setHandler(handler);
        jetty.start();
        System.out.println("ready http://127.0.0.1:" + connector.getLocalPort() + "/fhir");
        jetty.join();
    }

    /**
     * Has HAPI install a FHIR NPM package, without what it depends on. Says {@code package} and its name and version,
     * {@code holds} and what HAPI's loader finds in it, {@code installed} and how many of each type.
     */
    private static void install(IPackageInstallerSvc installer, Path file) throws IOException {
        var contents = Files.readAllBytes(file);
        var loaded = NpmPackage.fromPackage(new ByteArrayInputStream(contents));
        System.out.println("package " + loaded.name() + " " + loaded.version());
        var types = new LinkedHashSet<String>();
        for (var held : loaded.listIndexedResources(Set.of())) {
            System.out.println("holds " + held.getResourceType() + "/" + held.getId() + " " + held.getUrl());
            types.add(held.getResourceType());
        }
        // They are installed in this order: what refers to all the others comes last.
        types.remove(GUIDE);
        types.add(GUIDE);
        var request = new PackageInstallationSpec()
                .setName(loaded.name())
                .setVersion(loaded.version())
                .setInstallMode(PackageInstallationSpec.InstallModeEnum.STORE_AND_INSTALL)
                .setFetchDependencies(false)
                .setPackageContents(contents);
        request.setInstallResourceTypes(List.copyOf(types));
        installer.install(request)
                .getResourcesInstalled()
                .forEach((type, count) -> System.out.println("installed " + type + " " + count));
    }

    @Configuration
    @EnableTransactionManagement
    @Import({
        JpaR4Config.class,
        HapiJpaConfig.class,
        JpaBatch2Config.class,
        Batch2JobsConfig.class,
        NicknameServiceConfig.class,
        SubscriptionChannelConfig.class,
        ThreadPoolFactoryConfig.class
    })
    static class Beans {
        @Bean
        DataSource dataSource() {
            var source = new BasicDataSource();
            source.setDriver(new org.h2.Driver());
            source.setUrl("jdbc:h2:mem:interop;DB_CLOSE_DELAY=-1");
            source.setMaxTotal(10);
            return source;
        }

        @Bean
        JpaStorageSettings storageSettings() {
            var settings = new JpaStorageSettings();
            settings.setAllowExternalReferences(true);
            return settings;
        }

        @Bean
        PartitionSettings partitionSettings() {
            return new PartitionSettings();
        }

        @Bean
        SubscriptionSettings subscriptionSettings() {
            return new SubscriptionSettings();
        }

        @Bean
        IBinaryStorageSvc binaryStorage() {
            return new MemoryBinaryStorageSvcImpl();
        }

        @Bean
        LocalContainerEntityManagerFactoryBean entityManagerFactory(
                ConfigurableListableBeanFactory beans,
                FhirContext context,
                JpaStorageSettings settings,
                DataSource source) {
            var factory = HapiEntityManagerFactoryUtil.newEntityManagerFactory(beans, context, settings);
            factory.setPersistenceUnitName("interop");
            factory.setDataSource(source);
            var properties = new Properties();
            properties.put("hibernate.dialect", HapiFhirH2Dialect.class.getName());
            properties.put("hibernate.hbm2ddl.auto", "update");
            // HAPI's terminology searches the index, and fails without one.
            properties.put("hibernate.search.backend.type", "lucene");
            properties.put("hibernate.search.backend.directory.type", "local-heap");
            properties.put(
                    "hibernate.search.backend.analysis.configurer",
                    HapiHSearchAnalysisConfigurers.HapiLuceneAnalysisConfigurer.class.getName());
            factory.setJpaProperties(properties);
            return factory;
        }

        @Bean
        JpaTransactionManager transactionManager(EntityManagerFactory factory) {
            return new JpaTransactionManager(factory);
        }

        @Bean
        RestfulServer restfulServer(
                FhirContext context,
                DaoRegistry daos,
                IJpaSystemProvider system,
                ResourceProviderFactory resources,
                DatabaseBackedPagingProvider paging) {
            var server = new RestfulServer(context);
            server.registerProviders(resources.createProviders());
            server.registerProvider(system);
            var reasoning = reasoning();
            server.registerProvider(new PlanDefinitionApplyProvider(request -> new PlanDefinitionProcessor(
                    new ClinicalIntelligenceHapiFhirRepository(daos, request, server), reasoning)));
            server.setPagingProvider(paging);
            return server;
        }

        /** The server's own $expand cannot be used: the engine asks without parameters, which its repository refuses. */
        private static CrSettings reasoning() {
            var terminology = new TerminologySettings()
                    .setValuesetExpansionMode(VALUESET_EXPANSION_MODE.PERFORM_NAIVE_EXPANSION)
                    .setValuesetMembershipMode(VALUESET_MEMBERSHIP_MODE.USE_EXPANSION)
                    .setValuesetPreExpansionMode(VALUESET_PRE_EXPANSION_MODE.USE_IF_PRESENT);
            var evaluation = EvaluationSettings.getDefault().withTerminologySettings(terminology);
            return CrSettings.getDefault().withEvaluationSettings(evaluation);
        }
    }
}
