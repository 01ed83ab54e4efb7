package dev.chatkeep.security;

import static dev.chatkeep.testsupport.AtOnce.allAtOnce;
import static dev.chatkeep.testsupport.Patience.await;
import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.net.InetAddress;
import java.net.Socket;
import java.net.StandardSocketOptions;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;

import org.junit.jupiter.api.Test;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Sql;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;

/** Clients that hang up as soon as they have asked cost the pool nothing. */
@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class AbortedRequestsIT {

    private static final int ABORTED = 3_000;
    private static final int POOL_SIZE = 8;

    @Test
    void thousandsOfAbortedRequestsLeaveThePoolWhole() throws Exception {
        // Given
        Caller caller = Caller.fresh();
        caller.hasSession("s1", "A title");
        List<Callable<Integer>> requests = new ArrayList<>();
        for (int number = 0; number < ABORTED; number++) {
            byte[] request = request(caller, number);
            requests.add(() -> askAndHangUp(request));
        }

        // When
        allAtOnce(8, requests);
        awaitTurn(caller);

        // Then
        List<Callable<Integer>> afterwards = new ArrayList<>();
        for (int number = 0; number < POOL_SIZE * 3; number++) {
            String id = "after-" + number;
            afterwards.add(() -> caller.listSessions().statusCode());
            afterwards.add(() -> caller.post("s1", Map.of("id", id, "role", "user", "content", "Hello")).statusCode());
        }
        assertThat(allAtOnce(POOL_SIZE * 2, afterwards)).containsOnly(200, 201);
        assertThat(connectionsWhenQuiet()).isEqualTo(List.of(Map.of("too_many", false, "in_transaction", 0L)));
        assertThat(Sql.rows(
                """
                        select s.id from chat_sessions s
                         where s.user_id = ?
                           and s.message_count = (select count(*) from chat_messages m where m.user_id = s.user_id and m.session_id = s.id)
                           and s.message_count = (select sum(u.messages_sent) from user_usage_daily u where u.user_id = s.user_id)
                        """,
                caller.id())).containsExactly(Map.of("id", "s1"));
    }

    /** What was asked before is answered before, also where so much was asked that more is refused for a while. */
    private static void awaitTurn(Caller caller) {
        await("a turn")
                .until(() -> caller.listSessions().statusCode() == 200 && caller.rename("s1", "A title").statusCode() == 200);
    }

    private static byte[] request(Caller caller, int number) {
        String authorization = " HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " + caller.token() + "\r\n";
        String request = switch (number % 4) {
            case 0 -> "GET /api/chat/sessions" + authorization + "\r\n";
            case 1 -> "GET /api/chat/messages?session_id=s1" + authorization + "\r\n";
            case 2 ->
                withBody("PATCH /api/chat/sessions" + authorization, "{\"id\":\"s1\",\"title\":\"Title " + number + "\"}");
            default ->
                withBody("POST /api/chat/messages" + authorization, "{\"sessionId\":\"s1\",\"message\":{\"id\":\"m" + number
                        + "\",\"role\":\"user\",\"content\":\"Hello\",\"timestamp\":\"2026-03-01T10:00:00Z\"}}");
        };
        return request.getBytes(StandardCharsets.US_ASCII);
    }

    private static String withBody(String head, String body) {
        return head + "Content-Type: application/json\r\nContent-Length: " + body.length() + "\r\n\r\n" + body;
    }

    /** Half of the clients close as they should, the other half reset the connection. */
    private static int askAndHangUp(byte[] request) throws IOException {
        try (Socket socket = new Socket(InetAddress.getLoopbackAddress(), RestAssured.port)) {
            if (request.length % 2 == 0) {
                socket.setOption(StandardSocketOptions.SO_LINGER, 0);
            }
            socket.getOutputStream().write(request);
            socket.getOutputStream().flush();
            return request.length;
        }
    }

    /** The service may still be busy with what nobody waits for any more. */
    private static List<Map<String, Object>> connectionsWhenQuiet() {
        await("quiet connections").until(() -> busyConnections() == 0);
        return Sql.rows("""
                select count(*) > %d as too_many, count(*) filter (where state <> 'idle') as in_transaction
                  from pg_stat_activity where datname = current_database() and usename = 'chatkeep_app'
                """.formatted(POOL_SIZE));
    }

    private static long busyConnections() {
        return Sql.<Long> value(
                "select count(*) from pg_stat_activity where datname = current_database() and usename = 'chatkeep_app' and state <> 'idle'");
    }
}
