package dev.chatkeep.testsupport;

import java.time.Duration;
import java.util.Map;
import java.util.UUID;

import io.restassured.http.ContentType;
import io.restassured.response.Response;
import io.restassured.specification.RequestSpecification;
import io.smallrye.jwt.build.Jwt;

/**
 * Who may administer: a user whom the issuer calls an administrator, or the service with its key.
 *
 * @param id null for the service
 */
public record Administrator(UUID id, String token) {

    public static Administrator fresh() {
        UUID id = UUID.randomUUID();
        return new Administrator(id,
                Tokens.claims(id).claim("app_metadata", Map.of("role", "admin")).sign(Tokens.secretKey()));
    }

    /** With a key as Supabase makes it: neither {@code sub} nor {@code aud}. */
    public static Administrator service() {
        return new Administrator(null,
                Jwt.claims().claim("role", "service_role").expiresIn(Duration.ofHours(1)).sign(Tokens.secretKey()));
    }

    /** The user who is one, with the same token. */
    public Caller asUser() {
        return new Caller(id, token, Service.OF_QUARKUS);
    }

    public RequestSpecification request() {
        return Service.OF_QUARKUS.given().auth().oauth2(token).contentType(ContentType.JSON);
    }

    public Response change(Caller user, String body) {
        return request().body(body).patch("/api/admin/users/" + user.id());
    }

    public void setTier(Caller user, String tier) {
        change(user, "{\"subscription_tier\": \"" + tier + "\"}").then().statusCode(200);
    }
}
