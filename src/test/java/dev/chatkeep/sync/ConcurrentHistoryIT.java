package dev.chatkeep.sync;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.Callable;
import java.util.concurrent.ConcurrentHashMap;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;

/**
 * Twelve devices of one user post, repeat, correct, upload and delete in the same few sessions at the same time. Each
 * device knows what the service has accepted of its own messages; together that is what usage must say, and the rows are
 * what the statistics must say.
 */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
@WithinOneDay
class ConcurrentHistoryIT {

    private static final int DEVICES = 12;
    private static final int STEPS = 60;
    private static final int SESSIONS = 4;
    private static final int MESSAGES_A_DEVICE = 8;

    private static final String RECOUNT = """
            select s.id, s.message_count, s.total_tokens, s.last_model, s.last_message_preview, s.last_message_timestamp::text
              from chat_sessions s where s.user_id = ?
            except all
            select s.id, count(m.id) filter (where m.error_message is null)::int,
                   coalesce(sum(m.total_tokens) filter (where m.error_message is null), 0)::bigint,
                   (array_agg(m.model order by m.message_timestamp desc, m.ordinal desc)
                       filter (where m.error_message is null and m.model is not null))[1],
                   (array_agg(left(m.content, 200) order by m.message_timestamp desc, m.ordinal desc)
                       filter (where m.error_message is null))[1],
                   (max(m.message_timestamp) filter (where m.error_message is null))::text
              from chat_sessions s left join chat_messages m on m.user_id = s.user_id and m.session_id = s.id
             group by s.user_id, s.id, s.message_count
            """;

    private final Set<String> sessionsEverCreated = ConcurrentHashMap.newKeySet();

    @ParameterizedTest
    @ValueSource(longs = { 1, 2, 3 })
    void statisticsAndUsageAreExactAfterAnyHistory(long seed) throws Exception {
        // Given
        Caller caller = Caller.fresh();
        List<Device> devices = new ArrayList<>();
        for (int number = 0; number < DEVICES; number++) {
            devices.add(new Device(caller, number, new Random(seed * DEVICES + number)));
        }

        // When
        allAtOnce(devices);

        // Then
        assertThat(Sql.rows(RECOUNT, caller.id())).isEmpty();
        assertThat(usage(caller)).isEqualTo(expectedUsage(devices));
        assertThat(Sql.<Boolean> value("""
                select (usage_stats ->> 'total_messages')::bigint = u.messages_sent + u.messages_received
                   and (usage_stats ->> 'total_tokens')::bigint = u.total_tokens
                   and (usage_stats ->> 'sessions_created')::bigint = u.sessions_created
                  from profiles p join (select user_id, sum(messages_sent) as messages_sent,
                                               sum(messages_received) as messages_received, sum(total_tokens) as total_tokens,
                                               sum(sessions_created) as sessions_created
                                          from user_usage_daily group by user_id) u on u.user_id = p.id
                 where p.id = ?
                """, caller.id())).isTrue();
    }

    private static Map<String, Long> usage(Caller caller) {
        Map<String, Long> usage = new HashMap<>();
        Sql.rows("""
                select sum(messages_sent)::bigint as sent, sum(messages_received)::bigint as received,
                       sum(input_tokens)::bigint as input, sum(output_tokens)::bigint as output,
                       sum(total_tokens)::bigint as total, sum(sessions_created)::bigint as sessions,
                       sum(m.answers)::bigint as answers
                  from user_usage_daily u
                 cross join lateral (select coalesce(sum(value::bigint), 0) as answers from jsonb_each_text(u.models_used)) m
                 where u.user_id = ?
                """, caller.id()).get(0).forEach((name, value) -> usage.put(name, (Long) value));
        return usage;
    }

    private Map<String, Long> expectedUsage(List<Device> devices) {
        List<Counted> counted = devices.stream().flatMap(device -> device.counted.values().stream()).toList();
        long sent = counted.stream().filter(Counted::user).count();
        long received = counted.size() - sent;
        long input = counted.stream().filter(Counted::user).mapToLong(Counted::tokens).sum();
        long output = counted.stream().filter(message -> !message.user()).mapToLong(Counted::tokens).sum();
        return Map.of("sent", sent, "received", received, "input", input, "output", output, "total", input + output,
                "sessions", (long) sessionsEverCreated.size(), "answers", received);
    }

    /** What usage has last counted of a message. */
    private record Counted(boolean user, int tokens) {
    }

    private final class Device implements Callable<Void> {

        private final Caller caller;
        private final int number;
        private final Random random;
        private final Map<String, Counted> counted = new HashMap<>();

        Device(Caller caller, int number, Random random) {
            this.caller = caller;
            this.number = number;
            this.random = random;
        }

        @Override
        public Void call() {
            for (int step = 0; step < STEPS; step++) {
                String session = "s" + random.nextInt(SESSIONS);
                switch (random.nextInt(12)) {
                    case 0 -> created(session, caller.createSession(session, "Session " + session));
                    case 1 -> assertThat(caller.delete(session).statusCode()).isIn(200, 404);
                    case 2, 3, 4 -> upload();
                    case 5 -> assertThat(caller.rename(session, "Session " + session).statusCode()).isIn(200, 404);
                    default -> post();
                }
            }
            return null;
        }

        private void created(String session, Response response) {
            assertThat(response.statusCode()).isEqualTo(201);
            sessionsEverCreated.add(session);
        }

        /** Each message belongs to one session for good, so that no id moves between two. */
        private String sessionOf(int message) {
            return "s" + message % SESSIONS;
        }

        private Map<String, Object> message(int message) {
            boolean user = message % 2 == 0;
            Map<String, Object> body = new HashMap<>(Map.of(
                    "id", "m" + number + "_" + message,
                    "role", user ? "user" : "assistant",
                    "content", "Message " + message + " of device " + number + ", " + random.nextInt(3),
                    "timestamp", "2026-03-01T10:%02d:%02d.000Z".formatted(random.nextInt(3), message),
                    user ? "input_tokens" : "output_tokens", random.nextInt(5),
                    "error", random.nextInt(8) == 0));
            if (random.nextBoolean()) {
                body.put("model", "model-" + random.nextInt(3));
            } else if (!user) {
                body.put("model", "model-0");
            }
            return body;
        }

        private void post() {
            int message = random.nextInt(MESSAGES_A_DEVICE);
            Map<String, Object> body = message(message);
            int times = 1 + random.nextInt(2);
            for (int time = 0; time < times; time++) {
                Response response = caller.request().body(Map.of("sessionId", sessionOf(message), "sessionTitle",
                        "Session " + sessionOf(message), "message", body)).post("/api/chat/messages");
                assertThat(response.statusCode()).as(response.asString()).isEqualTo(201);
                sessionsEverCreated.add(sessionOf(message));
                accepted(body);
            }
        }

        private void upload() {
            String session = "s" + random.nextInt(SESSIONS);
            List<Map<String, Object>> messages = new ArrayList<>();
            for (int message = 0; message < MESSAGES_A_DEVICE; message++) {
                if (sessionOf(message).equals(session) && random.nextInt(3) > 0) {
                    messages.add(message(message));
                }
            }
            Response response = caller
                    .upload(List.of(Map.of("id", session, "title", "Session " + session, "messages", messages)));
            assertThat(response.statusCode()).as(response.asString()).isEqualTo(200);
            assertThat(response.<Integer> path("results.synced")).as(response.asString()).isEqualTo(1);
            sessionsEverCreated.add(session);
            messages.forEach(this::accepted);
        }

        private void accepted(Map<String, Object> body) {
            if (body.get("error").equals(true)) {
                return;
            }
            boolean user = body.get("role").equals("user");
            counted.put((String) body.get("id"), new Counted(user, (int) body.get(user ? "input_tokens" : "output_tokens")));
        }
    }
}
