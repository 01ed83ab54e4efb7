package dev.chatkeep.testsupport;

import io.restassured.RestAssured;
import io.restassured.specification.RequestSpecification;

/** A running service, as its clients find it. */
public interface Service {

    /** The one of Quarkus' own, of which there is one at a time. */
    Service OF_QUARKUS = new Service() {
        @Override
        public int port() {
            return RestAssured.port;
        }

        @Override
        public RequestSpecification given() {
            return RestAssured.given().filter(Contract.SERVED);
        }
    };

    int port();

    /** A request to it. */
    RequestSpecification given();
}
