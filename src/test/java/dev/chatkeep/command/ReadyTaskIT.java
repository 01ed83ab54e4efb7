package dev.chatkeep.command;

import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.HashMap;
import java.util.Map;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.FreePort;
import dev.chatkeep.testsupport.PackagedProgram;
import dev.chatkeep.testsupport.PackagedProgram.Ended;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Tokens;

/** The health check of a container, through the life of the service that it asks. */
@BesideOthers
class ReadyTaskIT {

    private static final Ended READY = new Ended(0, "The service is ready.\n", "");
    private static final Ended NOT_READY = new Ended(1, "", "The service is not ready: it answers with status 503.\n");
    private static final Ended SILENT = new Ended(1, "", "The service does not answer: Connection refused\n");

    @Test
    void itReportsTheReadinessOfTheService() throws Exception {
        Map<String, String> settings = new HashMap<>(Map.of("QUARKUS_HTTP_PORT", Integer.toString(FreePort.find()),
                "QUARKUS_MANAGEMENT_PORT", Integer.toString(FreePort.find())));
        Process service = null;
        try (PostgresServer postgres = PostgresServer.start()) {
            postgres.createLogin();
            settings.putAll(PackagedProgram.environment(DatabaseResource.settings(postgres, postgres.createDatabase())));
            settings.put("CHATKEEP_AUTH_JWT_SECRET", Tokens.SECRET);

            assertThat(ready(settings)).isEqualTo(SILENT);

            service = PackagedProgram.serve(settings);
            await().untilAsserted(() -> assertThat(ready(settings)).isEqualTo(READY));

            postgres.close();
            await().untilAsserted(() -> assertThat(ready(settings)).isEqualTo(NOT_READY));

            service.destroyForcibly().waitFor();
            assertThat(ready(settings)).isEqualTo(SILENT);
        } finally {
            if (service != null) {
                service.destroyForcibly();
            }
        }
    }

    private static Ended ready(Map<String, String> settings) throws Exception {
        return PackagedProgram.run(settings, "ready");
    }
}
