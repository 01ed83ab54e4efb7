package dev.chatkeep.testsupport;

import io.restassured.response.Response;

/** What a test takes for granted, and ends with if it is not so. */
public final class Granted {

    private Granted() {
    }

    /** The service has done what it was asked for. */
    public static void granted(Response response) {
        if (response.statusCode() != 200 && response.statusCode() != 201) {
            throw new IllegalStateException(response.statusLine() + ": " + response.asString());
        }
    }
}
