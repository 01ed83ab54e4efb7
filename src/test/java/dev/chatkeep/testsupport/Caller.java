package dev.chatkeep.testsupport;

import static dev.chatkeep.testsupport.Granted.granted;

import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.function.UnaryOperator;

import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import io.smallrye.jwt.build.JwtClaimsBuilder;

/**
 * A user of the API, new to it unless the id says otherwise, and the calls that front ends make.
 *
 * @param token the one that all calls carry, whenever they are made
 * @param service the one that is called
 */
public record Caller(UUID id, String token, Service service) {

    public static Caller fresh() {
        return of(UUID.randomUUID());
    }

    public static Caller of(UUID id) {
        return new Caller(id, Tokens.of(id), Service.OF_QUARKUS);
    }

    /** The same user of another service. */
    Caller of(Service other) {
        return new Caller(id, token, other);
    }

    /** The same user with another token, which says so itself. */
    public Caller with(UnaryOperator<JwtClaimsBuilder> change) {
        return new Caller(id, change.apply(Tokens.claims(id)).sign(Tokens.secretKey()), service);
    }

    public RequestSpecification request() {
        return service.given().auth().oauth2(token).contentType(ContentType.JSON);
    }

    public Response createSession(String sessionId, String title) {
        return request().body(Map.of("id", sessionId, "title", title)).post("/api/chat/sessions");
    }

    public Response listSessions() {
        return request().get("/api/chat/sessions");
    }

    public Response rename(String sessionId, String title) {
        return request().body(Map.of("id", sessionId, "title", title)).patch("/api/chat/sessions");
    }

    public Response delete(String sessionId) {
        return request().queryParam("id", sessionId).delete("/api/chat/sessions");
    }

    public Response clearAll() {
        return request().delete("/api/chat/clear-all");
    }

    public Response post(String sessionId, Map<String, ?> message) {
        return request().body(Map.of("sessionId", sessionId, "message", message)).post("/api/chat/messages");
    }

    public Response messages(String sessionId) {
        return request().queryParam("session_id", sessionId).get("/api/chat/messages");
    }

    public Response upload(List<?> conversations) {
        return request().body(Map.of("conversations", conversations)).post("/api/chat/sync");
    }

    public Response download() {
        return request().get("/api/chat/sync");
    }

    public Response signIn() {
        return request().post("/api/auth/session");
    }

    /** Like the others that begin with {@code has}: a test takes for granted that the service does it. */
    public void hasSignedIn() {
        granted(signIn());
    }

    public void hasSession(String sessionId, String title) {
        granted(createSession(sessionId, title));
    }

    public void hasMessage(String sessionId, Map<String, ?> message) {
        granted(post(sessionId, message));
    }

    public void hasUploaded(List<?> conversations) {
        granted(upload(conversations));
    }

    public void hasRenamed(String sessionId, String title) {
        granted(rename(sessionId, title));
    }

    public void hasDeleted(String sessionId) {
        granted(delete(sessionId));
    }
}
