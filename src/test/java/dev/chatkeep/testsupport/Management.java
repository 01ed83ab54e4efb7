package dev.chatkeep.testsupport;

import io.restassured.RestAssured;
import io.restassured.specification.RequestSpecification;

/** The port for health and metrics of the packaged program. */
public final class Management {

    private static int port;

    private Management() {
    }

    /** Has a service that is about to be started listen on a free port. */
    static String newPort() {
        port = FreePort.find();
        return Integer.toString(port);
    }

    /** A request to the service that was started last. */
    public static RequestSpecification request() {
        return RestAssured.given().port(port);
    }
}
