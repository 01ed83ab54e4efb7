package dev.chatkeep.command;

import jakarta.inject.Singleton;

import org.flywaydb.core.api.callback.BaseCallback;
import org.flywaydb.core.api.callback.Context;
import org.flywaydb.core.api.callback.Event;
import org.flywaydb.core.api.configuration.FluentConfiguration;

import io.quarkus.flyway.FlywayConfigurationCustomizer;

/**
 * Migrations have no placeholders, so no start needs to search for them. Whoever has Flyway migrate gets the attempts of
 * {@link Migrations}: they are made before Flyway's own, which then finds nothing left to do.
 */
@Singleton
class MigrationRules implements FlywayConfigurationCustomizer {

    private final MigrationConfig config;

    MigrationRules(MigrationConfig config) {
        this.config = config;
    }

    @Override
    public void customize(FluentConfiguration configuration) {
        configuration.placeholderReplacement(false);
        configuration.callbacks(new Attempts(new Migrations(config.lockTimeout(), config.attempts(), config.pause())));
    }

    private static final class Attempts extends BaseCallback {

        private final Migrations migrations;

        Attempts(Migrations migrations) {
            this.migrations = migrations;
        }

        @Override
        public boolean supports(Event event, Context context) {
            return event == Event.BEFORE_CREATE_SCHEMA || event == Event.BEFORE_VALIDATE || event == Event.BEFORE_MIGRATE;
        }

        @Override
        public boolean canHandleInTransaction(Event event, Context context) {
            return false;
        }

        @Override
        public void handle(Event event, Context context) {
            if (event == Event.BEFORE_CREATE_SCHEMA) {
                Adoption.refuseFirstSystem(context.getConfiguration());
            } else if (event == Event.BEFORE_VALIDATE) {
                // Flyway looks at the history before it migrates, and would stop there.
                Migrations.forgetFailures(context.getConfiguration());
            } else {
                migrations.run(context.getConfiguration());
            }
        }
    }
}
