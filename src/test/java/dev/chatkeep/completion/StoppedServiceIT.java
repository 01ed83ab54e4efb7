package dev.chatkeep.completion;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
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

import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.WithinOneDay;

/** The packaged program, ended in the middle of an answer. */
@WithinOneDay
@BesideOthers
class StoppedServiceIT {

    private static final String WORD = "word ";

    private PackagedService service;

    @AfterEach
    void close() throws InterruptedException {
        service.close();
    }

    /** @param delay how long it serves on after it was told to stop */
    private void start(String delay) throws Exception {
        service = new PackagedService(Map.of("QUARKUS_SHUTDOWN_DELAY", delay, "QUARKUS_SHUTDOWN_TIMEOUT", "1S",
                "CHATKEEP_COMPLETION_CHECKPOINT_INTERVAL", "1S"));
        service.start();
    }

    @Test
    void aServiceThatIsStoppedStoresWhatHasCome() throws Exception {
        start("1S");
        Caller ann = service.newCaller();

        try (EventStreamClient stream = ask(ann, "stopped")) {
            for (int i = 0; i < 10; i++) {
                stream.next();
            }
            service.stop();
            assertThat(service.ends()).isTrue();
        }

        assertInterrupted(ann, 10);
    }

    /** The clients do what a load balancer does: they send nothing more once the service says that it is not ready. */
    @Test
    void aServiceThatIsStoppedUnderLoadAnswersAllThatItWasSent() throws Exception {
        // Long enough for the clients to hear of it on a slow machine.
        start("10S");
        Caller ann = service.newCaller();
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
        service.stop();
        await("a service that is leaving").until(() -> service.readiness() != 200);
        ready.set(false);
        for (Future<?> client : done) {
            client.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
        clients.shutdown();

        assertThat(wasBusy && service.ends()).isTrue();
        assertThat(Set.of(
                service.text("select string_agg(id, ',') from public.chat_messages where user_id = ?", ann.id()).split(",")))
                .isEqualTo(answered);
        assertThat(service.text("select messages_sent from public.user_usage_daily where user_id = ?", ann.id()))
                .isEqualTo(String.valueOf(answered.size()));
    }

    @Test
    void aServiceThatIsKilledLeavesWhatItHadKept() throws Exception {
        start("1S");
        Caller ann = service.newCaller();

        try (EventStreamClient stream = ask(ann, "killed")) {
            for (int i = 0; i < 40; i++) {
                stream.next();
            }
            await("a kept part").until(() -> !service
                    .text("select count(*) from chatkeep.completion_parts where user_id = ?", ann.id()).equals("0"));
            service.kill();
        }
        service.start();
        await("the answer").until(() -> service
                .text("select count(*) from public.chat_messages where user_id = ? and role = 'assistant'", ann.id())
                .equals("1"));

        assertInterrupted(ann, 1);
    }

    /** The stored part is a beginning of what was sent, and usage agrees with it. */
    private void assertInterrupted(Caller caller, int words) {
        String content = service.text("select content from public.chat_messages where user_id = ? and role = 'assistant'",
                caller.id());
        assertThat(content).startsWith(WORD.repeat(words));
        assertThat(WORD.repeat(500)).startsWith(content);
        assertThat(service.text(
                "select metadata ->> 'interrupted' from public.chat_messages where user_id = ? and role = 'assistant'",
                caller.id()))
                .isEqualTo("true");
        assertThat(service.text("select state from chatkeep.completions where user_id = ?", caller.id()))
                .isEqualTo("interrupted");
        assertThat(
                service.text("select messages_sent || ' ' || messages_received || ' ' || input_tokens || ' ' || output_tokens"
                        + " from public.user_usage_daily where user_id = ?", caller.id()))
                .isEqualTo("1 1 " + service.text(
                        "select sum(input_tokens) || ' ' || sum(output_tokens) from public.chat_messages where user_id = ?",
                        caller.id()));
        assertThat(service.text("select count(*) from chatkeep.completion_parts where user_id = ?", caller.id()))
                .isEqualTo("0");
    }

    /** The answer never ends by itself. */
    private EventStreamClient ask(Caller caller, String question) {
        Script script = Script.streamed();
        for (int i = 0; i < 500; i++) {
            script.delta(WORD).pause(Duration.ofMillis(60));
        }
        service.provider().on(question, script.holdUntil(new CountDownLatch(1)).done());
        return EventStreamClient.post(caller, "/api/chat",
                Map.of("message", question, "model", PackagedService.MODEL, "sessionId", "s"));
    }
}
