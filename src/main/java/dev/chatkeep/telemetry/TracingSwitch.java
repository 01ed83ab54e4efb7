package dev.chatkeep.telemetry;

import java.util.List;
import java.util.Map;

import org.eclipse.microprofile.config.spi.ConfigSource;

import io.smallrye.config.ConfigSourceContext;
import io.smallrye.config.ConfigSourceFactory;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.PropertiesConfigSource;

/**
 * Enables OpenTelemetry if an endpoint for traces is set, {@code quarkus.otel.exporter.otlp.endpoint} or OpenTelemetry's own
 * {@code OTEL_EXPORTER_OTLP_ENDPOINT}. So one setting is enough, and nothing is sent if no endpoint is set. Registered under
 * META-INF/services.
 */
public final class TracingSwitch implements ConfigSourceFactory {

    private static final String ENDPOINT = "quarkus.otel.exporter.otlp.endpoint";
    private static final String STANDARD_ENDPOINT = "otel.exporter.otlp.endpoint";
    private static final String DISABLED = "quarkus.otel.sdk.disabled";
    /** Above the defaults of extensions, below any explicit setting. */
    private static final int ORDINAL = 50;

    @Override
    public Iterable<ConfigSource> getConfigSources(ConfigSourceContext context) {
        boolean enabled = isSet(context.getValue(ENDPOINT)) || isSet(context.getValue(STANDARD_ENDPOINT));
        return List.of(new PropertiesConfigSource(Map.of(DISABLED, Boolean.toString(!enabled)), "tracing switch", ORDINAL));
    }

    /** Ignores the default of the extension. */
    private static boolean isSet(ConfigValue value) {
        return value != null && value.getValue() != null && !value.getValue().isBlank() && !value.isDefault();
    }
}
