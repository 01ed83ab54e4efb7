package dev.chatkeep.completion;

import static dev.chatkeep.testsupport.Patience.PATIENCE;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.UncheckedIOException;
import java.sql.Connection;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;

import org.assertj.core.api.SoftAssertions;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.EventStreamClient;
import dev.chatkeep.testsupport.EventStreamClient.Event;
import dev.chatkeep.testsupport.PackagedService;
import dev.chatkeep.testsupport.Script;
import dev.chatkeep.testsupport.Sql;

/** Clients, provider and service end at random moments; afterwards what is stored and counted is what the provider sent. */
@BesideOthers
class KilledAtRandomIT {

    private static final int CLIENTS = 8;
    private static final int ENDS_OF_THE_SERVICE = 3;

    /**
     * What a client asked for and saw.
     *
     * @param text what the provider has to say
     * @param tokens what it says that was, or 0
     * @param began whether an answer began to arrive
     * @param seen the text that arrived
     * @param complete whether the last event said that the answer is complete
     */
    private record Exchange(Caller caller, String question, String text, int tokens, boolean began, String seen,
            boolean complete) {
    }

    private PackagedService service;

    @BeforeEach
    void start() throws Exception {
        service = new PackagedService(Map.of("QUARKUS_SHUTDOWN_TIMEOUT", "1S", "CHATKEEP_COMPLETION_RESUME_GRACE", "0.2S",
                "CHATKEEP_COMPLETION_CHECKPOINT_INTERVAL", "0.5S"));
        service.start();
    }

    @AfterEach
    void close() throws InterruptedException {
        service.close();
    }

    @ParameterizedTest
    @ValueSource(longs = 1)
    void whatIsStoredAndCountedIsWhatTheProviderSent(long seed) throws Exception {
        ConcurrentLinkedQueue<Exchange> exchanges = new ConcurrentLinkedQueue<>();
        AtomicBoolean over = new AtomicBoolean();
        ExecutorService clients = Executors.newFixedThreadPool(CLIENTS);
        List<Future<?>> done = new ArrayList<>();
        for (int client = 0; client < CLIENTS; client++) {
            Random random = new Random(seed * 1_000 + client);
            Caller caller = service.newCaller();
            done.add(clients.submit(() -> {
                for (int number = 0; !over.get(); number++) {
                    exchanges.add(exchange(caller, "Question " + number + " of " + caller.id(), random));
                }
            }));
        }
        Random random = new Random(seed);
        for (int i = 0; i < ENDS_OF_THE_SERVICE; i++) {
            long enough = began(exchanges) + 10 + random.nextInt(50);
            await("exchanges").until(() -> began(exchanges) >= enough);
            if (i % 2 == 0) {
                service.kill();
            } else {
                service.stop();
                assertThat(service.ends()).isTrue();
            }
            service.start();
        }
        await("whole answers and others").until(() -> complete(exchanges) > 5 && began(exchanges) - complete(exchanges) > 5);
        over.set(true);
        for (Future<?> client : done) {
            client.get(PATIENCE.toSeconds(), TimeUnit.SECONDS);
        }
        clients.shutdown();
        await("the last answers")
                .until(() -> service.text("select count(*) from chatkeep.completions where state = 'running'").equals("0"));

        assertThat(exchanges.stream().filter(Exchange::complete)).as("complete").hasSizeGreaterThan(5);
        assertThat(exchanges.stream().filter(exchange -> exchange.began() && !exchange.complete())).as("cut short")
                .hasSizeGreaterThan(5);
        SoftAssertions softly = new SoftAssertions();
        // While the service was away, clients have asked a thousand times in vain, and that leaves no trace either.
        try (Connection database = service.connect()) {
            for (Exchange exchange : exchanges) {
                check(softly, database, exchange);
            }
        }
        exchanges.stream().map(Exchange::caller).distinct().forEach(caller -> checkUsage(softly, caller));
        softly.assertThat(service.text("select count(*) from chatkeep.completion_parts")).isEqualTo("0");
        softly.assertAll();
    }

    private static long began(Collection<Exchange> exchanges) {
        return exchanges.stream().filter(Exchange::began).count();
    }

    private static long complete(Collection<Exchange> exchanges) {
        return exchanges.stream().filter(Exchange::complete).count();
    }

    private Exchange exchange(Caller caller, String question, Random random) {
        int words = 1 + random.nextInt(40);
        int said = random.nextInt(3) > 0 ? words : random.nextInt(words + 1);
        boolean counted = random.nextInt(4) > 0;
        StringBuilder text = new StringBuilder();
        Script script = Script.streamed();
        for (int i = 0; i < said; i++) {
            String word = "wörd" + random.nextInt(1_000) + " ";
            text.append(word);
            script.delta(word).pause(Duration.ofMillis(random.nextInt(20)));
        }
        if (said < words) {
            service.provider().on(question, random.nextBoolean() ? script.breakOff() : script.hangUp());
        } else {
            service.provider().on(question, (counted ? script.usage(7, 1_000 + words) : script).done());
        }
        int patience = random.nextInt(3) > 0 ? Integer.MAX_VALUE : random.nextInt(words + 1);

        List<Event> events = new ArrayList<>();
        boolean began = false;
        try (EventStreamClient stream = EventStreamClient.post(caller, "/api/chat",
                Map.of("message", question, "model", PackagedService.MODEL, "sessionId", "s"))) {
            began = stream.status() == 200;
            for (Event event = stream.next(); event != null && events.size() < patience; event = stream.next()) {
                events.add(event);
            }
        } catch (UncheckedIOException e) {
            // The service is gone, or not there yet.
            pause();
        }
        boolean complete = !events.isEmpty() && "done".equals(events.get(events.size() - 1).name());
        return new Exchange(caller, question, text.toString(), said == words && counted ? 1_000 + words : 0, began,
                EventStreamClient.text(events), complete);
    }

    private static void pause() {
        try {
            TimeUnit.MILLISECONDS.sleep(100);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static void check(SoftAssertions softly, Connection database, Exchange exchange) throws SQLException {
        String question = exchange.question();
        List<Map<String, Object>> answers = Sql.rows(database, """
                select a.content, a.output_tokens, a.error_message, a.metadata ->> 'interrupted' as interrupted
                from public.chat_messages q join public.chat_messages a
                on a.user_id = q.user_id and a.session_id = q.session_id and a.user_message_id = q.id
                where q.user_id = ? and q.content = ?""", exchange.caller().id(), question);
        List<Map<String, Object>> questions = Sql.rows(database,
                "select id from public.chat_messages where user_id = ? and content = ? and role = 'user'",
                exchange.caller().id(), question);

        softly.assertThat(questions).as("%s, stored", question).hasSizeBetween(exchange.began() ? 1 : 0, 1);
        softly.assertThat(answers).as("%s, answers", question).hasSizeBetween(exchange.complete() ? 1 : 0, 1);
        for (Map<String, Object> answer : answers) {
            String content = (String) answer.get("content");
            softly.assertThat(exchange.text()).as("%s, what was sent", question).startsWith(content);
            if (exchange.complete()) {
                softly.assertThat(content).as("%s, what was seen", question).isEqualTo(exchange.text())
                        .isEqualTo(exchange.seen());
                softly.assertThat(answer).containsEntry("error_message", null).containsEntry("interrupted", null);
            }
            boolean whole = answer.get("error_message") == null && answer.get("interrupted") == null;
            if (whole && exchange.tokens() > 0) {
                softly.assertThat(answer.get("output_tokens")).as("%s, tokens", question).isEqualTo(exchange.tokens());
            }
        }
    }

    private void checkUsage(SoftAssertions softly, Caller caller) {
        Map<String, Object> counted = service.rows("""
                select coalesce(sum(messages_sent), 0)::int as sent, coalesce(sum(messages_received), 0)::int as received,
                coalesce(sum(input_tokens), 0)::int as input, coalesce(sum(output_tokens), 0)::int as output
                from public.user_usage_daily where user_id = ?""", caller.id()).get(0);
        Map<String, Object> stored = service.rows("""
                select count(*) filter (where role = 'user')::int as sent,
                count(*) filter (where role = 'assistant')::int as received,
                coalesce(sum(input_tokens) filter (where role = 'user'), 0)::int as input,
                coalesce(sum(output_tokens) filter (where role = 'assistant'), 0)::int as output
                from public.chat_messages where user_id = ? and error_message is null""", caller.id()).get(0);
        Map<String, Object> session = service.rows(
                """
                        select count(*)::int as messages, (select message_count from public.chat_sessions where user_id = ? and id = 's')
                        as counted from public.chat_messages where user_id = ? and error_message is null""",
                caller.id(), caller.id())
                .get(0);

        softly.assertThat(counted).as("usage of %s", caller.id()).isEqualTo(stored);
        softly.assertThat(session.get("counted")).as("session of %s", caller.id()).isEqualTo(session.get("messages"));
    }
}
