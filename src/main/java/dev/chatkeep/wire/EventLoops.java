package dev.chatkeep.wire;

import java.util.OptionalInt;

import jakarta.enterprise.context.ApplicationScoped;

import org.eclipse.microprofile.config.inject.ConfigProperty;

import io.quarkus.vertx.VertxOptionsCustomizer;
import io.vertx.core.VertxOptions;

/**
 * Runs as many event loops as there are processors, unless {@code quarkus.vertx.event-loops-pool-size} says otherwise. By
 * default there are twice as many: nothing blocks them here, so they would take processors from each other, and requests would
 * change loops more often between their client and the database.
 */
@ApplicationScoped
public class EventLoops implements VertxOptionsCustomizer {

    private final OptionalInt configured;

    public EventLoops(@ConfigProperty(name = "quarkus.vertx.event-loops-pool-size") OptionalInt configured) {
        this.configured = configured;
    }

    @Override
    public void accept(VertxOptions options) {
        if (configured.isEmpty()) {
            options.setEventLoopPoolSize(Runtime.getRuntime().availableProcessors());
        }
    }
}
