package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;

import io.restassured.RestAssured;
import io.restassured.specification.RequestSpecification;

/** The port for health and metrics of the packaged program. */
public final class Management {

    private static int port;

    private Management() {
    }

    /** Has a service that is about to be started listen on a free port. */
    static String newPort() {
        try (ServerSocket free = new ServerSocket(0, 1, InetAddress.getLoopbackAddress())) {
            port = free.getLocalPort();
            return Integer.toString(port);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }

    /** A request to the service that was started last. */
    public static RequestSpecification request() {
        return RestAssured.given().port(port);
    }
}
