package dev.chatkeep.session;

import static dev.chatkeep.testsupport.Problems.assertFields;
import static dev.chatkeep.testsupport.Problems.assertProblem;
import static org.assertj.core.api.Assertions.assertThat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import com.fasterxml.jackson.databind.JsonNode;

import dev.chatkeep.testsupport.Caller;
import dev.chatkeep.testsupport.DatabaseResource;
import dev.chatkeep.testsupport.Json;
import io.quarkus.test.common.TestResourceScope;
import io.quarkus.test.common.WithTestResource;
import io.quarkus.test.junit.QuarkusIntegrationTest;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;

@QuarkusIntegrationTest
@WithTestResource(value = DatabaseResource.class, scope = TestResourceScope.GLOBAL)
class SessionPageIT {

    private static final int SESSIONS = 24;

    @ParameterizedTest
    @ValueSource(ints = { 1, 2, 5, 8, 23, 24, 25, 10_000 })
    void thePagesTogetherAreTheList(int limit) {
        // Given
        Caller caller = userWithTies();
        List<String> list = ids(page(caller, null, null));

        // When
        List<List<String>> pages = pages(caller, limit, afterPage -> {
        });

        // Then
        assertThat(list).hasSize(SESSIONS);
        assertThat(pages.stream().flatMap(List::stream)).containsExactlyElementsOf(list);
        assertThat(pages).hasSize((SESSIONS + limit - 1) / limit);
        assertThat(pages.subList(0, pages.size() - 1)).allSatisfy(page -> assertThat(page).hasSize(limit));
    }

    @Test
    void aPageCountsItsOwnSessionsAndNamesTheCursorOfTheNext() {
        // Given
        Caller caller = userWithTies();

        // When
        JsonNode page = page(caller, 5, null);

        // Then
        assertThat(page.path("sessions")).hasSize(5);
        assertThat(page.path("count").intValue()).isEqualTo(5);
        assertThat(page.path("next_cursor").textValue()).matches("[A-Za-z0-9_-]+");
    }

    @Test
    void sessionsRenamedBetweenPagesAreNotRepeatedAndDoNotHideOthers() {
        // Given
        Caller caller = userWithTies();
        List<String> list = ids(page(caller, null, null));
        String read = list.get(1);
        String unread = list.get(20);

        // When
        List<List<String>> pages = pages(caller, 4, afterPage -> {
            if (afterPage == 1) {
                caller.rename(read, "Renamed").then().statusCode(200);
                caller.rename(unread, "Renamed").then().statusCode(200);
            }
        });

        // Then
        List<String> seen = pages.stream().flatMap(List::stream).toList();
        List<String> expected = new ArrayList<>(list);
        expected.remove(unread);
        assertThat(seen).containsExactlyElementsOf(expected);
        assertThat(ids(page(caller, 2, null))).containsExactly(unread, read);
    }

    @Test
    void sessionsDeletedAndCreatedBetweenPagesDoNotHideOthers() {
        // Given
        Caller caller = userWithTies();
        List<String> list = ids(page(caller, null, null));

        // When
        List<List<String>> pages = pages(caller, 4, afterPage -> {
            if (afterPage == 1) {
                caller.delete(list.get(3)).then().statusCode(200);
                caller.delete(list.get(10)).then().statusCode(200);
                caller.createSession("new", "New").then().statusCode(201);
            }
        });

        // Then
        List<String> expected = new ArrayList<>(list);
        expected.remove(10);
        assertThat(pages.stream().flatMap(List::stream)).containsExactlyElementsOf(expected);
    }

    @Test
    void aCursorOfSomebodyElseShowsNoneOfTheirSessions() {
        // Given
        Caller ada = userWithTies();
        Caller bob = Caller.fresh();
        bob.hasUploaded(List.of(Map.of("id", "bob", "updatedAt", "2020-01-01T00:00:00Z")));
        String cursor = page(ada, 5, null).path("next_cursor").textValue();

        // When
        JsonNode page = page(bob, 5, cursor);

        // Then
        assertThat(ids(page)).containsExactly("bob");
    }

    @Test
    void idsOfAnyTextArePagedThrough() {
        // Given
        Caller caller = Caller.fresh();
        List<Map<String, Object>> conversations = new ArrayList<>();
        for (String id : List.of("\"", "\\", "a b", "\uD83D\uDE00", "\u5B57", "+/=", "x".repeat(255),
                "\uD83D\uDE00".repeat(255))) {
            conversations.add(Map.of("id", id, "updatedAt", "2026-03-01T00:00:00Z"));
        }
        caller.hasUploaded(conversations);
        List<String> list = ids(page(caller, null, null));

        // When
        List<List<String>> pages = pages(caller, 1, afterPage -> {
        });

        // Then
        assertThat(list).hasSize(8);
        assertThat(pages.stream().flatMap(List::stream)).containsExactlyElementsOf(list);
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            0      | limit must be greater than or equal to 1
            -1     | limit must be greater than or equal to 1
            10001  | limit must be less than or equal to 10000
            """)
    void aLimitOutsideOfItsRangeIsRefused(String limit, String complaint) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().queryParam("limit", limit).get("/api/chat/sessions");

        // Then
        assertFields(answer, 422, complaint);
    }

    @ParameterizedTest
    @ValueSource(strings = { "ten", "1.5", "2147483648", "-99999999999999999999", "0x10", "1;" })
    void aLimitThatIsNotAWholeNumberIsRefused(String limit) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().queryParam("limit", limit).get("/api/chat/sessions");

        // Then
        assertProblem(answer, 422, "invalid_parameter");
    }

    @ParameterizedTest
    @ValueSource(strings = { "{}", "[]", "5", "\"s1\"", "null", "[1, null]", "[1, null, \"s1\", 2]", "[null, null, \"s1\"]",
            "[\"1\", null, \"s1\"]", "[1.5, null, \"s1\"]", "[1e3, null, \"s1\"]", "[99999999999999999999, null, \"s1\"]",
            "[1, \"x\", \"s1\"]", "[1, null, 3]", "[1, null, null]", "[1, null, \"s1\"] x", "[1, null, \"a\\u0000b\"]",
            "[1, null", "" })
    void aCursorThatNoListAnsweredWithIsRefused(String key) {
        // Given
        Caller caller = Caller.fresh();
        String cursor = Base64.getUrlEncoder().withoutPadding().encodeToString(key.getBytes(StandardCharsets.UTF_8));

        // When
        Response answer = caller.request().queryParam("cursor", cursor.isEmpty() ? "!" : cursor).get("/api/chat/sessions");

        // Then
        assertProblem(answer, 422, "invalid_cursor");
    }

    @ParameterizedTest
    @ValueSource(strings = { "abc", "WzEs", "a b", "\u00FC", "'; select 1; --" })
    void aMadeUpCursorIsRefused(String cursor) {
        // Given
        Caller caller = Caller.fresh();

        // When
        Response answer = caller.request().queryParam("cursor", cursor).get("/api/chat/sessions");

        // Then
        assertProblem(answer, 422, "invalid_cursor");
    }

    /** Four times of update, each with sessions that tie in their last message as well, or have none. */
    private static Caller userWithTies() {
        Caller caller = Caller.fresh();
        List<Map<String, Object>> conversations = new ArrayList<>();
        for (int number = 0; number < SESSIONS; number++) {
            Map<String, Object> conversation = new HashMap<>(Map.of("id", "s%02d".formatted(number),
                    "updatedAt", "2026-03-0%dT00:00:00.%d00Z".formatted(1 + number % 2, number / 2 % 2)));
            if (number % 3 != 0) {
                conversation.put("messages", List.of(Map.of("id", "m" + number, "role", "user", "content", "Hello",
                        "timestamp", "2026-02-01T00:00:0%dZ".formatted(number % 3))));
            }
            conversations.add(conversation);
        }
        caller.upload(conversations).then().statusCode(200);
        return caller;
    }

    private interface BetweenPages {
        void happens(int afterPage);
    }

    private static List<List<String>> pages(Caller caller, int limit, BetweenPages between) {
        List<List<String>> pages = new ArrayList<>();
        HashSet<String> cursors = new HashSet<>();
        String cursor = null;
        do {
            JsonNode page = page(caller, limit, cursor);
            pages.add(ids(page));
            cursor = page.path("next_cursor").textValue();
            assertThat(cursors.add(cursor)).as("the list goes on").isTrue();
            between.happens(pages.size());
        } while (cursor != null);
        return pages;
    }

    private static JsonNode page(Caller caller, Integer limit, String cursor) {
        RequestSpecification request = caller.request();
        if (limit != null) {
            request.queryParam("limit", limit);
        }
        if (cursor != null) {
            request.queryParam("cursor", cursor);
        }
        Response answer = request.get("/api/chat/sessions");
        assertThat(answer.statusCode()).as(answer.asString()).isEqualTo(200);
        return Json.of(answer);
    }

    private static List<String> ids(JsonNode page) {
        return Json.texts(page.path("sessions"), "id");
    }
}
