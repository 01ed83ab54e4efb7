package dev.chatkeep.command;

import static dev.chatkeep.command.FirstSystem.ADA;
import static dev.chatkeep.command.FirstSystem.BOB;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.StreamSupport;

import org.junit.jupiter.api.Test;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.PackagedProgram;
import dev.chatkeep.testsupport.PackagedProgram.Ended;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Tokens;
import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;

/** The task adopt of the packaged program, and the service afterwards. */
@BesideOthers
class AdoptIT {

    private static final Set<String> SETTINGS = Set.of("QUARKUS_DATASOURCE_REACTIVE_URL", "QUARKUS_FLYWAY_USERNAME",
            "QUARKUS_FLYWAY_PASSWORD");

    private final PostgresServer server = PostgresServer.shared();

    @Test
    void theTaskMovesADatabaseOverAndBack() throws Exception {
        server.createMigratedDatabase();
        String database = FirstSystem.create(server, "2025", "2026");
        List<String> before = FirstSystem.snapshot(server, database);

        Ended migrated = run(database, "migrate");
        assertThat(migrated.status()).isEqualTo(1);
        assertThat(migrated.errors())
                .isEqualTo("The task could not start: This database holds the tables of the first system: run"
                        + " the task adopt, which moves it over to Chatkeep and can be undone (adopt --dry-run shows what it would do)."
                        + " Nothing was changed.\n");

        Ended dry = run(database, "adopt", "--dry-run");
        assertThat(dry.status()).isZero();
        assertThat(dry.output()).contains("           3  profiles: copied\n")
                .endsWith("Nothing was changed: this was a dry run.\n");
        assertThat(FirstSystem.snapshot(server, database)).isEqualTo(before);

        Ended adopted = run(database, "adopt");
        assertThat(adopted.status()).isZero();
        assertThat(adopted.output()
                .replace("The database was moved over. The first system stands in the schema legacy; adopt --undo"
                        + " puts it back.", "Nothing was changed: this was a dry run."))
                .isEqualTo(dry.output());
        assertThat(run(database, "adopt").output()).startsWith("This database was moved over at ");

        assertThat(run(database, "adopt", "--undo"))
                .extracting(Ended::status, Ended::output)
                .containsExactly(0, "The first system is back where it was. The roles that Chatkeep uses are still there.\n");
        assertThat(FirstSystem.snapshot(server, database)).isEqualTo(before);
        assertThat(run(database, "adopt", "--undo"))
                .extracting(Ended::status, Ended::errors)
                .containsExactly(1, "There is nothing to undo: this database was not moved over.\n");
    }

    @Test
    void theServiceShowsWhatWasMovedOver() throws Exception {
        server.createMigratedDatabase();
        String database = FirstSystem.create(server, "2025", "2026");
        assertThat(run(database, "adopt").status()).isZero();

        try (PackagedService service = new PackagedService(server, database, Map.of())) {
            service.start();
            RequestSpecification ada = as(service, Tokens.of(ADA));

            JsonNode conversations = Json.of(ada.get("/api/chat/sync")).get("conversations");
            assertThat(conversations).extracting(one -> one.path("id").textValue()).containsExactly("conv_3", "conv_2",
                    "conv_1");
            JsonNode answer = conversations.at("/0/messages/1");
            assertThat(answer.path("id").textValue()).isEqualTo("msg_6");
            assertThat(answer.path("reasoning").textValue()).isEqualTo("Let me look.");
            assertThat(answer.path("has_websearch").booleanValue()).isTrue();
            assertThat(answer.at("/annotations/0/url").textValue()).isEqualTo("https://example.org/a");
            assertThat(answer.path("timestamp").textValue()).isEqualTo("2025-07-04T08:00:00.000Z");

            JsonNode usage = Json.of(as(service, Tokens.of(ADA)).get("/api/usage/summary"));
            assertThat(usage.toString()).contains("40").contains("900");
            JsonNode costs = Json.of(as(service, Tokens.of(ADA)).queryParam("range", "all").get("/api/usage/costs"));
            assertThat(StreamSupport.stream(costs.path("items").spliterator(), false)
                    .filter(item -> item.path("total_cost").decimalValue().signum() > 0)
                    .map(item -> item.path("total_cost").decimalValue().toPlainString()))
                    .containsExactly("0.02105", "0.000035");

            // A device that still has all of it sends it again.
            String before = usage(service);
            Response again = as(service, Tokens.of(ADA)).body(Map.of("conversations", conversations)).post("/api/chat/sync");
            assertThat(again.statusCode()).as(again.asString()).isEqualTo(200);
            assertThat(usage(service)).isEqualTo(before);
            assertThat(service.rows("select * from chatkeep.check_usage(?)", ADA)).isEmpty();

            // Bob is banned: he reads, takes along and deletes, and does nothing else.
            Response refused = as(service, Tokens.of(BOB)).body(Map.of("id", "b", "title", "B")).post("/api/chat/sessions");
            assertThat(refused.statusCode()).isEqualTo(403);
            assertThat(Json.of(refused).path("code").textValue()).isEqualTo("account_banned");
            assertThat(as(service, Tokens.of(BOB)).get("/api/chat/sessions").statusCode()).isEqualTo(200);
            assertThat(as(service, Tokens.of(BOB)).get("/api/user/export").statusCode()).isEqualTo(200);
            assertThat(as(service, Tokens.of(BOB)).delete("/api/chat/clear-all").statusCode()).isEqualTo(200);
        }
    }

    private String usage(PackagedService service) {
        return service.rows(
                "select u.*, p.usage_stats from public.user_usage_daily u join public.profiles p on p.id = u.user_id order by u.id")
                .toString().replaceAll("updated_at=[^,]*", "");
    }

    private static RequestSpecification as(PackagedService service, String token) {
        return service.given().auth().oauth2(token).contentType(ContentType.JSON);
    }

    private Ended run(String database, String... arguments) throws Exception {
        Map<String, String> settings = PackagedProgram.environment(DatabaseResource.settings(server, database));
        settings.keySet().retainAll(SETTINGS);
        return PackagedProgram.run(settings, arguments);
    }
}
