package dev.chatkeep.profile;

import static dev.chatkeep.testsupport.Granted.granted;
import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.time.Instant;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.Json;
import dev.chatkeep.testsupport.Models;
import dev.chatkeep.testsupport.Sql;
import dev.chatkeep.testsupport.Stored;
import dev.chatkeep.testsupport.Tokens;
import dev.chatkeep.testsupport.WithinOneDay;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.RestAssured;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;

@QuarkusIntegrationTest
@WithinOneDay
class DataRightsResourceIT {

    /** Every list of the document, with the key by which its entries can be told apart. */
    private static final Map<String, String> LISTS = Map.of("conversations", "id", "activity_log", "id", "usage", "id",
            "usage_by_model", "model", "counted_sessions", "session_id", "charges", "message_id", "completions", "id",
            "calls_before_erasure", "model",
            "requests_before_erasure", "started_at");

    private static final Map<String, String> TYPES = Map.of("activity", "activity_log", "usage", "usage", "usage_by_model",
            "usage_by_model", "counted_session", "counted_sessions", "charge", "charges", "completion", "completions",
            "call_before_erasure", "calls_before_erasure",
            "request_before_erasure", "requests_before_erasure");

    private static final int ODD_MESSAGES = 2_300;

    // ---- Export

    @Test
    void theDocumentHoldsEverythingThatTheDatabaseDoes() {
        // Given
        Caller caller = userWithEverything();
        userWithHistory();

        // When
        Response export = caller.request().get("/api/user/export");

        // Then
        assertThat(export.statusCode()).isEqualTo(200);
        assertThat(export.contentType()).isEqualTo("application/json");
        assertThat(export.header("Content-Disposition")).matches("attachment; filename=\"chatkeep-export-[0-9-]{10}\\.json\"");
        assertThat(export.header("Cache-Control")).isEqualTo("no-store");
        JsonNode document = Json.exactly(export);
        assertThat(LISTS.keySet()).allSatisfy(list -> assertThat(document.path(list)).isNotEmpty());
        assertThat(sorted(document)).isEqualTo(sorted(inTheDatabase(caller)));
        // Tests that look through everything that is stored would take long over it.
        erase(caller).then().statusCode(200);
    }

    @ParameterizedTest
    @ValueSource(strings = { "json", "ndjson" })
    void whoComesBackIsShownWhatLimitsStillCount(String format) {
        // Given
        Caller caller = userWithHistory();
        completion(caller, "r1");
        erase(caller);
        Caller back = later(caller);
        back.hasSignedIn();

        // When
        Response export = back.request().queryParam("format", format).get("/api/user/export");

        // Then
        JsonNode document = format.equals("json") ? Json.exactly(export) : document(export.asString());
        assertThat(document.path("completions")).isEmpty();
        assertThat(document.path("calls_before_erasure")).singleElement().satisfies(calls -> {
            assertThat(calls.path("calls").longValue()).isEqualTo(1);
            assertThat(calls.has("account")).isFalse();
        });
        assertThat(document.path("requests_before_erasure")).singleElement()
                .satisfies(requests -> assertThat(requests.path("requests").longValue()).isEqualTo(1));
        assertThat(sorted(document)).isEqualTo(sorted(inTheDatabase(back)));
    }

    @ParameterizedTest
    @CsvSource(nullValues = "none", value = { "application/x-ndjson, none, application/x-ndjson",
            "application/x-ndjson, json, application/json", "application/json, ndjson, application/x-ndjson",
            "*/*, none, application/json", "'application/json, application/x-ndjson;q=0.5', none, application/json" })
    void whatIsAcceptedSaysTheFormatWhereNothingElseDoes(String accept, String format, String type) {
        // Given
        Caller caller = userWithHistory();
        var request = caller.request().header("Accept", accept);

        // When
        Response export = (format == null ? request : request.queryParam("format", format)).get("/api/user/export");

        // Then
        assertThat(export.statusCode()).as(export.asString()).isEqualTo(200);
        assertThat(export.contentType()).isEqualTo(type);
        assertThat(export.header("Content-Disposition")).endsWith(type.endsWith("/json") ? ".json\"" : ".ndjson\"");
    }

    @Test
    void theLinesHoldTheSame() {
        // Given
        Caller caller = userWithEverything();

        // When
        Response export = caller.request().queryParam("format", "ndjson")
                .get("/api/user/export");

        // Then
        assertThat(export.contentType()).isEqualTo("application/x-ndjson");
        assertThat(sorted(document(new String(export.asByteArray(), StandardCharsets.UTF_8))))
                .isEqualTo(sorted(inTheDatabase(caller)));
        erase(caller).then().statusCode(200);
    }

    @Test
    void manyConversationsAreAllThereOnceInTheOrderOfTheirIds() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, ?>> conversations = new ArrayList<>();
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < 2_500; i++) {
            String id = "conversation-%05d".formatted(i);
            ids.add(id);
            conversations.add(Map.of("id", id, "messages", List.of(message(id + "-q", "user", "What?"))));
        }
        caller.upload(conversations);

        // When
        JsonNode export = Json.of(caller.request().get("/api/user/export"));

        // Then
        assertThat(Json.texts(export.path("conversations"), "id")).isEqualTo(ids);
        export.path("conversations").forEach(conversation -> assertThat(Json.texts(conversation.path("messages"), "id"))
                .containsExactly(conversation.path("id").textValue() + "-q"));
        erase(caller).then().statusCode(200);
    }

    @Test
    void messagesStandInTimeOrderAcrossPages() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, ?>> messages = new ArrayList<>();
        List<String> ids = new ArrayList<>();
        for (int i = 0; i < ODD_MESSAGES; i++) {
            String id = "m%04d".formatted((i * 7) % ODD_MESSAGES);
            ids.add(id);
            messages.add(Map.of("id", id, "role", "user", "content", "x", "timestamp",
                    Instant.ofEpochSecond(1_700_000_000 + i / 3).toString()));
        }
        caller.upload(List.of(Map.of("id", "long", "messages", messages), Map.of("id", "short")));

        // When
        JsonNode export = Json.of(caller.request().get("/api/user/export"));

        // Then
        List<String> stored = new ArrayList<>();
        for (Map<String, Object> row : Sql
                .rows("select id from public.chat_messages where user_id = ? order by message_timestamp,"
                        + " ordinal", caller.id())) {
            stored.add((String) row.get("id"));
        }
        assertThat(stored).hasSameElementsAs(ids);
        assertThat(Json.texts(export.at("/conversations/0/messages"), "id")).isEqualTo(stored);
        assertThat(export.at("/conversations/1/id").textValue()).isEqualTo("short");
    }

    @Test
    void contentsOfManyMegabytesAreExportedUnchanged() {
        // Given
        Caller caller = Caller.fresh();
        caller.createSession("large", "Large");
        List<String> contents = new ArrayList<>();
        for (int i = 0; i < 7; i++) {
            String content = (i + "\"\\\n\t\u2028🙂") + "é".repeat(500_000);
            contents.add(content);
            caller.hasMessage("large", message("m" + i, "user", content));
        }

        // When
        JsonNode export = Json.of(caller.request().get("/api/user/export"));

        // Then
        assertThat(Json.texts(export.at("/conversations/0/messages"), "content")).hasSameElementsAs(contents);
        // Tests that look through everything that is stored would take long over it.
        erase(caller).then().statusCode(200);
    }

    @Test
    void aUserWithoutDataExportsAnEmptyDocument() {
        // Given
        Caller caller = Caller.fresh();

        // When
        JsonNode export = Json.of(caller.request().get("/api/user/export"));

        // Then
        assertThat(export.path("profile").path("id").textValue()).isEqualTo(caller.id().toString());
        assertThat(export.path("conversations")).isEqualTo(Json.of("[]"));
        assertThat(Json.texts(export.path("activity_log"), "action")).containsExactly("profile_created", "data_exported");
    }

    @Test
    void anExportLeavesATraceWithoutAName() {
        // Given
        Caller caller = Caller.fresh();
        caller.signIn();

        // When
        caller.request().get("/api/user/export").then().statusCode(200);

        // Then
        assertThat(Stored.of(caller, "activity").findValuesAsText("action")).containsExactly("profile_created",
                "data_exported");
        assertThat(traces(caller)).containsExactly("export");
    }

    @ParameterizedTest
    @ValueSource(strings = { "xml", "JSON" })
    void anUnknownFormatIsRefused(String format) {
        // When
        Response export = Caller.fresh().request().queryParam("format", format).get("/api/user/export");

        // Then
        assertFields(export, 422, "format must be json or ndjson");
    }

    @Test
    void anExportWithoutATokenIsRefused() {
        // When
        Response export = RestAssured.get("/api/user/export");

        // Then
        assertProblem(export, 401, "unauthorized");
    }

    // ---- Erasure

    @ParameterizedTest
    @CsvSource({ "'{\"confirm\": \"yes\"}', 422, confirm must be \"erase\"",
            "'{\"confirm\": \"ERASE\"}', 422, confirm must be \"erase\"",
            "'{\"confirm\": true}', 422, confirm has the wrong type", "'{}', 400, confirm is missing" })
    void withoutTheRightConfirmationNothingIsErased(String body, int status, String complaint) {
        // Given
        Caller caller = userWithHistory();
        String before = Stored.versions(caller);

        // When
        Response erased = caller.request().body(body).delete("/api/user");

        // Then
        assertFields(erased, status, complaint);
        assertThat(Stored.versions(caller)).isEqualTo(before);
    }

    @Test
    void withoutABodyNothingIsErased() {
        // Given
        Caller caller = userWithHistory();

        // When
        Response erased = caller.request().delete("/api/user");

        // Then
        assertProblem(erased, 400, "missing_field");
        assertThat(mentions(caller)).isNotEmpty();
    }

    @Test
    void anErasureSaysWhatItDeleted() {
        // Given
        Caller caller = userWithHistory();
        JsonNode expected = Json.of("""
                {"profiles": 1, "accounts": 1, "sessions": %d, "messages": %d, "activity_logs": %d, "usage_records": 1}""",
                count("public.chat_sessions", caller), count("public.chat_messages", caller),
                count("public.user_activity_log", caller));

        // When
        Response erased = erase(caller);

        // Then
        assertThat(erased.statusCode()).isEqualTo(200);
        assertThat(Json.of(erased).path("success").booleanValue()).isTrue();
        assertThat(Json.of(erased).path("erased_at").textValue()).endsWith("Z");
        assertThat(Json.of(erased).path("deleted")).isEqualTo(expected);
    }

    @Test
    void noTableMentionsAnErasedUser() {
        // Given
        Caller caller = userWithHistory();
        List<String> mentionsBefore = mentions(caller);

        // When
        erase(caller);

        // Then
        assertThat(mentionsBefore).contains("auth.users", "public.profiles", "public.chat_messages");
        assertThat(mentions(caller)).isEmpty();
        assertThat(traces(caller)).containsExactly("erasure");
    }

    @Test
    void changesByAnErasedAdministratorNoLongerNameThem() {
        // Given
        Caller administrator = Caller.fresh();
        Caller user = Caller.fresh();
        user.signIn();
        granted(administrator.with(claims -> claims.claim("app_metadata", Map.of("role", "admin"))).request()
                .body(Map.of("subscription_tier", "pro")).patch("/api/admin/users/" + user.id()));
        List<String> mentionsBefore = mentions(administrator);

        // When
        erase(administrator);

        // Then
        assertThat(mentionsBefore).containsExactly("public.user_activity_log");
        assertThat(mentions(administrator)).isEmpty();
        assertThat(Stored.of(user, "activity").at("/1/details")).isEqualTo(Json.of("""
                {"old_tier": "free", "new_tier": "pro", "actor": {"role": "admin", "id": null}}"""));
    }

    @Test
    void anotherUserKeepsEverything() {
        // Given
        Caller caller = userWithHistory();
        Caller other = userWithHistory();
        String before = Stored.versions(other);

        // When
        erase(caller);

        // Then
        assertThat(Stored.versions(other)).isEqualTo(before);
    }

    @ParameterizedTest
    @CsvSource({
            "GET, /api/chat/sessions, ",
            "POST, /api/chat/sessions, '{\"id\": \"s\"}'",
            "PATCH, /api/chat/sessions, '{\"id\": \"s\", \"title\": \"t\"}'",
            "DELETE, /api/chat/sessions?id=s, ",
            "DELETE, /api/chat/clear-all, ",
            "GET, /api/chat/messages?session_id=s, ",
            "POST, /api/chat/messages, '{\"sessionId\": \"s\", \"message\": {\"id\": \"m\", \"role\": \"user\", \"content\": \"x\"}}'",
            "GET, /api/chat/sync, ",
            "POST, /api/chat/sync, '{\"conversations\": [{\"id\": \"s\"}]}'",
            "POST, /api/auth/session, ",
            "GET, /api/user/data, ",
            "PUT, /api/user/data, '{\"ui\": {\"a\": 1}}'",
            "GET, /api/user/profile, ",
            "POST, /api/user/sync, ",
            "GET, /api/user/activity, ",
            "GET, /api/user/export, ",
            "DELETE, /api/user, '{\"confirm\": \"erase\"}'",
            "GET, /api/models, ",
            "GET, /api/models/a/b/access, ",
            "GET, /api/usage/daily, ",
            "GET, /api/usage/models, ",
            "GET, /api/usage/summary, " })
    void aTokenFromBeforeIsRefusedEverywhereAndBringsNobodyBack(String method, String path, String body) {
        // Given
        Caller caller = userWithHistory();
        erase(caller);

        // When
        RequestSpecification request = caller.request();
        Response answer = (body == null ? request : request.body(body)).request(method, path);

        // Then
        assertProblem(answer, 401, "account_erased");
        assertThat(answer.header("WWW-Authenticate")).isEqualTo("Bearer error=\"invalid_token\"");
        assertThat(mentions(caller)).isEmpty();
    }

    @Test
    void aTokenWithoutATimeOfIssueIsRefusedToo() {
        // Given
        Caller caller = userWithHistory();
        erase(caller);

        // When
        Response answer = caller.with(claims -> claims.remove("iat")).listSessions();

        // Then
        assertProblem(answer, 401, "account_erased");
    }

    @Test
    void signingInAfterAnErasureStartsAfresh() {
        // Given
        Caller caller = userWithHistory();
        erase(caller);

        // When
        Response data = later(caller).request().get("/api/user/data");

        // Then
        assertThat(data.statusCode()).isEqualTo(200);
        assertThat(Json.of(data).path("allTime").path("total_messages").intValue()).isZero();
        assertThat(Stored.of(caller, "sessions")).isEqualTo(Json.of("[]"));
        assertThat(Json.texts(Stored.of(caller, "activity"), "action")).containsExactly("profile_created");
    }

    @Test
    void theOldTokenStaysRefusedAfterTheUserHasComeBack() {
        // Given
        Caller caller = userWithHistory();
        erase(caller);
        later(caller).hasSignedIn();

        // When
        Response answer = caller.listSessions();

        // Then
        assertProblem(answer, 401, "account_erased");
    }

    @Test
    void messagesSentDuringAnErasureDoNotStay() throws Exception {
        // Given
        Caller caller = userWithHistory();
        caller.createSession("busy", "Busy");
        CountDownLatch posting = new CountDownLatch(80);
        ExecutorService executor = Executors.newFixedThreadPool(8);
        List<Future<List<Integer>>> devices = new ArrayList<>();
        for (int device = 0; device < 8; device++) {
            int number = device;
            devices.add(executor.submit(() -> {
                List<Integer> statuses = new ArrayList<>();
                for (int i = 0; i < 1_000 && !statuses.contains(401); i++) {
                    statuses.add(caller.post("busy", message("d" + number + "-" + i, "user", "x")).statusCode());
                    posting.countDown();
                }
                return statuses;
            }));
        }
        posting.await();

        // When
        int status = erase(caller).statusCode();

        // Then
        assertThat(status).isEqualTo(200);
        for (Future<List<Integer>> device : devices) {
            List<Integer> statuses = device.get();
            assertThat(statuses).containsOnlyOnce(401).endsWith(401).isSubsetOf(201, 401);
        }
        executor.shutdown();
        assertThat(mentions(caller)).isEmpty();
    }

    // ---- What they have in common

    /** Sessions with odd titles, messages of all kinds, what is counted of deleted ones, preferences. */
    private static Caller userWithHistory() {
        return withHistory(Caller.fresh());
    }

    /** A row in each list at least, and in each column values that are easy to get wrong, or to lose. */
    private static Caller userWithEverything() {
        Caller before = userWithHistory();
        completion(before, "r1");
        erase(before);
        Caller caller = withHistory(later(before));
        completion(caller, "r2");
        for (String awkward : List.of("""
                update public.profiles
                   set allowed_models = array['a "b"', null, 'é\\'], temperature = 1.10, ban_reason = E'\\u001f\\n',
                       banned_until = '-infinity', last_active = '12345-06-07 08:09:10.5+00',
                       session_preferences = '{"e": [], "o": {}, "n": [0.1234567890123456789, 1e30, -1.50, null]}'
                 where id = ?""", """
                update public.chat_messages
                   set metadata = '{"n": [0.1234567890123456789, 1e30, 12345678901234567890123], "t": "\\"\\\\\\u0001🙂"}',
                       extras = '{"annotations": [{"at": 1.0}], "none": null}', error_message = E'\\t\\u2028"',
                       message_timestamp = '2026-03-04 05:06:07.000100+00'
                 where id = 'a1' and user_id = ?""", """
                update public.chat_messages set message_timestamp = '0099-12-31 23:59:59+00' where id = 'q1' and user_id = ?""",
                """
                        insert into public.chat_messages (user_id, id, session_id, role, content)
                        select ?, 'huge', 'empty', 'assistant', repeat('"é🙂', 400000)""", """
                        update public.user_activity_log
                           set ip_address = '2001:db8::/32', details = '{"big": 1e30}', timestamp = '0044-03-15 12:00:00+00 BC'
                         where action = 'profile_created' and user_id = ?""", """
                        insert into public.user_activity_log (user_id, action, ip_address, details)
                        select ?, 'other', '192.0.2.7', '[]'""",
                """
                        update chatkeep.charges set told_cost = 0.000000000000123456789012345678900 where message_id = 'a1' and user_id = ?""",
                """
                        update chatkeep.completions
                           set question_hash = sha256('x'), lease_until = 'infinity', input_cost = 1e-12, output_cost = 1e25
                         where user_id = ?""")) {
            Sql.rows(awkward, caller.id());
        }
        return caller;
    }

    private static void completion(Caller caller, String id) {
        Sql.rows("select chatkeep.begin_completion(?, jsonb_build_object('id', ?::text, 'model', ?::text, 'lease_seconds', 60,"
                + " 'prompt_tokens', 0))", caller.id(), id, Models.open("free", "0", "0"));
    }

    private static Caller withHistory(Caller caller) {
        caller.upload(List.of(
                Map.of("id", "a \"quoted\" id", "title", "Zeile\n2 \\ 🙂", "messages", List.of(
                        message("q1", "user", "Tell me of " + Tokens.email(caller.id())),
                        Map.of("id", "a1", "role", "assistant", "content", "{\"not\": [\"json\"]}", "model", "m/x:free",
                                "output_tokens", 7, "user_message_id", "q1", "elapsed_time", 1.25),
                        Map.of("id", "e1", "role", "assistant", "content", "", "error", true))),
                Map.of("id", "empty", "messages", List.of()),
                Map.of("id", "gone", "messages", List.of(message("g1", "user", "deleted later")))))
                .then().statusCode(200);
        caller.delete("gone").then().statusCode(200);
        caller.request()
                .body("{\"ui\": {\"theme\": \"dark\", \"n\": [1, null, {\"deep\": true}]}, \"model\": {\"temperature\": 1}}")
                .put("/api/user/data").then().statusCode(200);
        return caller;
    }

    private static Map<String, ?> message(String id, String role, String content) {
        return Map.of("id", id, "role", role, "content", content, "input_tokens", 3);
    }

    private static Response erase(Caller caller) {
        return caller.request().body(Map.of("confirm", "erase")).delete("/api/user");
    }

    /** With a token of after the erasure, in whole seconds, which are all that it says. */
    private static Caller later(Caller caller) {
        long erasedAt = Sql.<Long> value("""
                select extract(epoch from max(requested_at))::bigint from chatkeep.data_requests
                 where kind = 'erasure' and account = sha256(convert_to(?, 'UTF8'))
                """, caller.id().toString());
        return caller.with(claims -> claims.issuedAt(erasedAt + 2));
    }

    private static JsonNode inTheDatabase(Caller caller) {
        return Json.exactly(Sql.<String> value("select public.export_user_data(?)::text", caller.id()));
    }

    /** Puts the messages of lines into their conversations. */
    private static JsonNode document(String lines) {
        var document = Json.of("{}").<ObjectNode> deepCopy();
        LISTS.keySet().forEach(document::putArray);
        for (String line : lines.strip().split("\n")) {
            JsonNode item = Json.exactly(line);
            JsonNode content = Json.without(item, "type");
            String type = item.path("type").textValue();
            switch (type) {
                case "export" -> document.setAll((ObjectNode) content);
                case "conversation" -> document.withArray("conversations").add(content);
                case "message" -> {
                    var conversations = document.withArray("conversations");
                    ((ObjectNode) conversations.get(conversations.size() - 1))
                            .withArray("messages").add(content);
                }
                default -> document.withArray(TYPES.get(type)).add(content);
            }
        }
        document.withArray("conversations").forEach(
                conversation -> ((ObjectNode) conversation).withArray("messages"));
        return document;
    }

    /** Without the moment of the export, and with its lists as sets: their order is not that of the function. */
    private static Map<String, Object> sorted(JsonNode export) {
        Map<String, Object> document = new TreeMap<>();
        Json.without(export, "exported_at").fields().forEachRemaining(field -> {
            String key = LISTS.get(field.getKey());
            if (key == null) {
                document.put(field.getKey(), field.getValue());
                return;
            }
            Map<String, JsonNode> entries = new TreeMap<>();
            field.getValue().forEach(entry -> entries.put(entry.path(key).textValue(), entry));
            assertThat(entries).hasSize(field.getValue().size());
            document.put(field.getKey(), entries);
        });
        return document;
    }

    private static long count(String table, Caller caller) {
        return Sql.<Long> value("select count(*) from " + table + " where user_id = ?", caller.id());
    }

    private static List<String> traces(Caller caller) {
        List<String> kinds = new ArrayList<>();
        Sql.rows("select kind from chatkeep.data_requests where account = sha256(convert_to(?, 'UTF8')) order by requested_at",
                caller.id().toString()).forEach(row -> kinds.add((String) row.get("kind")));
        return kinds;
    }

    /** Every table that has a row in which the user's id stands, in whatever column; it is in the e-mail address, too. */
    private static List<String> mentions(Caller caller) {
        List<String> tables = new ArrayList<>();
        for (Map<String, Object> table : Sql.rows("select format('%I.%I', schemaname, tablename) as name from pg_tables"
                + " where schemaname in ('public', 'auth', 'chatkeep') order by 1")) {
            String name = (String) table.get("name");
            if (Sql.<Boolean> value("select exists (select from " + name + " t where t::text ilike ?)",
                    "%" + caller.id() + "%")) {
                tables.add(name);
            }
        }
        return tables;
    }
}
