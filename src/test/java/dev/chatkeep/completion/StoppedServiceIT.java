package dev.chatkeep.completion;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.ConnectException;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.FreePort;
import dev.chatkeep.testsupport.PackagedProgram;
import dev.chatkeep.testsupport.PostgresServer;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.ScriptedProvider;
import dev.chatkeep.testsupport.Tokens;
import io.restassured.RestAssured;

/** The packaged program, ended in the middle of an answer. */
class StoppedServiceIT {

    private static final Duration PATIENCE = Duration.ofSeconds(90);
    private static final String WORD = "word ";

    private static PostgresServer postgres;
    private static ScriptedProvider provider;
    private static Map<String, String> settings;
    private static String jdbcUrl;
    private static int management;

    private Process service;

    @BeforeAll
    static void start() throws IOException {
        postgres = PostgresServer.start();
        postgres.createLogin();
        String database = postgres.createDatabase();
        jdbcUrl = postgres.jdbcUrl(database);
        provider = ScriptedProvider.start();
        RestAssured.port = FreePort.find();
        management = FreePort.find();
        settings = PackagedProgram.environment(DatabaseResource.settings(postgres, database));
        settings.putAll(Map.of("CHATKEEP_AUTH_JWT_SECRET", Tokens.SECRET, "CHATKEEP_PROVIDER_BASE_URL", provider.baseUrl(),
                "QUARKUS_HTTP_HOST", "127.0.0.1", "QUARKUS_HTTP_PORT", Integer.toString(RestAssured.port),
                "QUARKUS_MANAGEMENT_HOST", "127.0.0.1", "QUARKUS_MANAGEMENT_PORT", Integer.toString(management),
                "QUARKUS_SHUTDOWN_DELAY", "2S", "QUARKUS_SHUTDOWN_TIMEOUT", "1S", "CHATKEEP_COMPLETION_CHECKPOINT_INTERVAL",
                "1S"));
    }

    @AfterAll
    static void stop() {
        RestAssured.reset();
        provider.close();
        postgres.close();
    }

    @AfterEach
    void kill() {
        service.destroyForcibly();
    }

    @Test
    void aServiceThatIsStoppedStoresWhatHasCome() throws Exception {
        Caller ann = Caller.fresh();
        serve();

        try (EventStreamClient stream = ask(ann, "stopped")) {
            for (int i = 0; i < 10; i++) {
                stream.next();
            }
            service.destroy();
            assertThat(service.waitFor(30, TimeUnit.SECONDS)).isTrue();
        }

        assertInterrupted(ann, 10);
    }

    /** The clients do what a load balancer does: they send nothing more once the service says that it is not ready. */
    @Test
    void aServiceThatIsStoppedUnderLoadAnswersAllThatItWasSent() throws Exception {
        Caller ann = Caller.fresh();
        serve();
        ann.createSession("s", "Busy").then().statusCode(201);
        Set<String> answered = ConcurrentHashMap.newKeySet();
        AtomicBoolean ready = new AtomicBoolean(true);
        CountDownLatch busy = new CountDownLatch(100);
        ExecutorService clients = Executors.newFixedThreadPool(8);
        List<Future<?>> done = new ArrayList<>();
        for (int client = 0; client < 8; client++) {
            String name = "client" + client + "-";
            done.add(clients.submit(() -> {
                for (int number = 0; ready.get(); number++) {
                    String id = name + number;
                    ann.post("s", Map.of("id", id, "role", "user", "content", "Hello")).then().statusCode(201);
                    answered.add(id);
                    busy.countDown();
                }
            }));
        }

        boolean wasBusy = busy.await(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        service.destroy();
        await(() -> readiness() != 200);
        ready.set(false);
        for (Future<?> client : done) {
            client.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
        clients.shutdown();

        assertThat(wasBusy && service.waitFor(30, TimeUnit.SECONDS)).isTrue();
        assertThat(Set.of(text(ann, "select string_agg(id, ',') from public.chat_messages where user_id = '%s'").split(",")))
                .isEqualTo(answered);
        assertThat(text(ann, "select messages_sent from public.user_usage_daily where user_id = '%s'"))
                .isEqualTo(String.valueOf(answered.size()));
    }

    @Test
    void aServiceThatIsKilledLeavesWhatItHadKept() throws Exception {
        Caller ann = Caller.fresh();
        serve();

        try (EventStreamClient stream = ask(ann, "killed")) {
            for (int i = 0; i < 40; i++) {
                stream.next();
            }
            service.destroyForcibly().waitFor();
        }
        serve();
        await(() -> text(ann, "select count(*) from public.chat_messages where user_id = '%s' and role = 'assistant'")
                .equals("1"));

        assertInterrupted(ann, 1);
    }

    /** The stored part is a beginning of what was sent, and usage agrees with it. */
    private static void assertInterrupted(Caller caller, int words) throws SQLException {
        String content = text(caller, "select content from public.chat_messages where user_id = '%s' and role = 'assistant'");
        assertThat(content).startsWith(WORD.repeat(words));
        assertThat(WORD.repeat(500)).startsWith(content);
        assertThat(text(caller,
                "select metadata ->> 'interrupted' from public.chat_messages where user_id = '%s' and role = 'assistant'"))
                .isEqualTo("true");
        assertThat(text(caller, "select state from chatkeep.completions where user_id = '%s'")).isEqualTo("interrupted");
        assertThat(text(caller,
                "select messages_sent || ' ' || messages_received || ' ' || input_tokens || ' ' || output_tokens"
                        + " from public.user_usage_daily where user_id = '%s'"))
                .isEqualTo("1 1 " + text(caller,
                        "select sum(input_tokens) || ' ' || sum(output_tokens) from public.chat_messages where user_id = '%s'"));
        assertThat(text(caller, "select count(*) from chatkeep.completion_parts where user_id = '%s'")).isEqualTo("0");
    }

    private static EventStreamClient ask(Caller caller, String question) {
        Script script = Script.streamed();
        for (int i = 0; i < 500; i++) {
            script.delta(WORD).pause(Duration.ofMillis(60));
        }
        provider.on(question, script.done());
        return EventStreamClient.post(caller, "/api/chat",
                Map.of("message", question, "model", "test/model", "sessionId", "s"));
    }

    private void serve() throws Exception {
        service = PackagedProgram.serve(settings);
        await(() -> readiness() == 200);
        try (Connection owner = DriverManager.getConnection(jdbcUrl, PostgresServer.OWNER, PostgresServer.PASSWORD);
                Statement statement = owner.createStatement()) {
            statement.execute(
                    "insert into public.model_access (model_id, tier) values ('test/model', 'free') on conflict do nothing");
        }
    }

    /** 0 while it does not listen. */
    private static int readiness() throws Exception {
        try {
            return RestAssured.given().port(management).get("/q/health/ready").statusCode();
        } catch (Exception e) {
            if (e instanceof ConnectException) {
                return 0;
            }
            throw e;
        }
    }

    private static String text(Caller caller, String sql) throws SQLException {
        try (Connection owner = DriverManager.getConnection(jdbcUrl, PostgresServer.OWNER, PostgresServer.PASSWORD);
                Statement statement = owner.createStatement();
                ResultSet rows = statement.executeQuery(sql.formatted(caller.id()))) {
            return rows.next() ? rows.getString(1) : null;
        }
    }

    private interface Condition {

        boolean holds() throws Exception;
    }

    private static void await(Condition condition) throws Exception {
        Instant end = Instant.now().plus(PATIENCE);
        while (!condition.holds()) {
            assertThat(Instant.now()).as("It did not happen in time").isBefore(end);
            Thread.sleep(200);
        }
    }
}
