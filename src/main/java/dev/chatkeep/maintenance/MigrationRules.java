package dev.chatkeep.maintenance;

import jakarta.inject.Singleton;

import org.flywaydb.core.api.configuration.FluentConfiguration;

import io.quarkus.flyway.FlywayConfigurationCustomizer;

/** Migrations run as they stand: there is nothing to replace in them, and no start needs to look for it. */
@Singleton
class MigrationRules implements FlywayConfigurationCustomizer {

    @Override
    public void customize(FluentConfiguration configuration) {
        configuration.placeholderReplacement(false);
    }
}
