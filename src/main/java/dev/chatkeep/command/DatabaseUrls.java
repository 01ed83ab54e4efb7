package dev.chatkeep.command;

import java.util.List;
import java.util.Optional;
import java.util.regex.Pattern;

import jakarta.annotation.Priority;

import org.eclipse.microprofile.config.Config;

import io.smallrye.config.ConfigSourceInterceptor;
import io.smallrye.config.ConfigSourceInterceptorContext;
import io.smallrye.config.ConfigValue;
import io.smallrye.config.Priorities;

/**
 * How the address of the database may be written. {@code postgres://} and the prefix of the reactive client mean the same as
 * {@code postgresql://}, also in the address for the migrations, which is made of it. The driver and the client repeat
 * addresses in the log, so none may hold a password.
 */
@Priority(Priorities.APPLICATION + 1_000)
public class DatabaseUrls implements ConfigSourceInterceptor {

    private static final long serialVersionUID = 1L;

    static final String REACTIVE = "quarkus.datasource.reactive.url";
    private static final List<String> ALL = List.of(REACTIVE, "quarkus.datasource.jdbc.url", "quarkus.flyway.jdbc-url");

    private static final Pattern CREDENTIALS = Pattern.compile("//[^/?#]*@|[?&](user|password)=", Pattern.CASE_INSENSITIVE);

    @Override
    public ConfigValue getValue(ConfigSourceInterceptorContext context, String name) {
        ConfigValue value = context.proceed(name);
        if (value == null || value.getValue() == null || !ALL.contains(name)) {
            return value;
        }
        String url = value.getValue().strip();
        return value.withValue(url.startsWith("jdbc:") ? "jdbc:" + usual(url.substring("jdbc:".length())) : usual(url));
    }

    /** One sentence about an address that will not do; it does not repeat the address. */
    static Optional<String> complaint(Config config) {
        for (String name : ALL) {
            if (config.getOptionalValue(name, String.class).filter(url -> CREDENTIALS.matcher(url).find()).isPresent()) {
                return Optional.of(name + " must name neither user nor password, which have settings of their own,"
                        + " because addresses appear in the log.");
            }
        }
        return config.getOptionalValue(REACTIVE, String.class).filter(url -> !url.startsWith("postgresql://"))
                .map(url -> REACTIVE + " must be of the form postgresql://host:5432/name.");
    }

    private static String usual(String url) {
        String address = url.startsWith("vertx-reactive:") ? url.substring("vertx-reactive:".length()) : url;
        return address.startsWith("postgres://") ? "postgresql" + address.substring("postgres".length()) : address;
    }
}
