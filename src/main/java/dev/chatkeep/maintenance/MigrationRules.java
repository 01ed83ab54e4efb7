package dev.chatkeep.maintenance;

import jakarta.inject.Singleton;

import org.flywaydb.core.api.configuration.FluentConfiguration;

import io.quarkus.flyway.FlywayConfigurationCustomizer;

/** Migrations run as they stand: there is nothing to replace in them, and looking for it is half the work of validating. */
@Singleton
class MigrationRules implements FlywayConfigurationCustomizer {

    @Override
    public void customize(FluentConfiguration configuration) {
        configuration.placeholderReplacement(false);
    }
}
