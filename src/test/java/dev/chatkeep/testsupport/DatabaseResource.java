package dev.chatkeep.testsupport;

import java.util.HashMap;
import java.util.Map;

import io.quarkus.test.common.QuarkusTestResourceLifecycleManager;

/** Gives the service under test a database of its own and the settings to reach it. */
public class DatabaseResource implements QuarkusTestResourceLifecycleManager {

    /** The origin of a front end that may call the service from a browser. */
    public static final String FRONT_END = "https://chat.example.org";

    /** Where tests that talk SQL find the database; set for the time that the resource is up. */
    static final String JDBC_URL = "chatkeep.test.jdbc-url";

    @Override
    public Map<String, String> start() {
        PostgresServer server = PostgresServer.shared();
        String database = server.createMigratedDatabase();
        System.setProperty(JDBC_URL, server.jdbcUrl(database));
        Map<String, String> settings = new HashMap<>(settings(server, database));
        settings.put("chatkeep.auth.jwt-secret", Tokens.SECRET);
        settings.put("quarkus.management.port", Management.newPort());
        settings.put("quarkus.http.cors.enabled", "true");
        settings.put("quarkus.http.cors.origins", FRONT_END);
        return settings;
    }

    /** What the program needs to know of its database, and what sets that of tests apart. */
    public static Map<String, String> settings(PostgresServer server, String database) {
        return Map.of(
                "quarkus.datasource.reactive.url", server.url(database),
                "quarkus.datasource.password", PostgresServer.PASSWORD,
                "quarkus.flyway.username", PostgresServer.OWNER,
                "quarkus.flyway.password", PostgresServer.PASSWORD,
                // Tests run the job when they mean to.
                "chatkeep.retention.schedule", "off");
    }

    @Override
    public void stop() {
        System.clearProperty(JDBC_URL);
    }
}
