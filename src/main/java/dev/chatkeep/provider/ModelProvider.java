package dev.chatkeep.provider;

import java.time.Duration;
import java.time.temporal.ChronoUnit;
import java.util.concurrent.ThreadLocalRandom;

import jakarta.enterprise.context.ApplicationScoped;
import jakarta.enterprise.util.TypeLiteral;
import jakarta.ws.rs.core.HttpHeaders;
import jakarta.ws.rs.core.MediaType;

import io.micrometer.core.instrument.MeterRegistry;
import io.quarkus.runtime.Startup;
import io.quarkus.tls.TlsConfigurationRegistry;
import io.quarkus.tls.runtime.config.TlsConfigUtils;
import io.smallrye.faulttolerance.api.CustomBackoffStrategy;
import io.smallrye.faulttolerance.api.Guard;
import io.smallrye.mutiny.Uni;
import io.vertx.core.Context;
import io.vertx.core.Vertx;
import io.vertx.core.buffer.Buffer;
import io.vertx.core.http.HttpClient;
import io.vertx.core.http.HttpClientOptions;
import io.vertx.core.http.HttpMethod;
import io.vertx.core.http.RequestOptions;

/**
 * Calls the model provider. The API key does not leave this class's package.
 * <p>
 * It uses the Vert.x HTTP client instead of Quarkus' REST client, which is made for whole responses. For every chunk of a
 * stream the REST client parses the current event from its beginning again. It cannot slow the provider down, closes the
 * connection after each response, and does not notice a connection that breaks while it passes on the response.
 */
@ApplicationScoped
@Startup // Created outside of the HTTP server: otherwise the connections would be closed together with the server.
public class ModelProvider {

    private static final TypeLiteral<Uni<Void>> NOTHING = new TypeLiteral<>() {
        private static final long serialVersionUID = 1L;
    };

    private final ProviderConfig config;
    private final HttpClient http;
    private final MeterRegistry metrics;
    private final RequestOptions streamed;
    private final RequestOptions whole;
    /** Limits the calls at one time. A call holds its place until it has finished. */
    private final Guard bulkhead;
    /** Retries around the attempts to get a first byte. */
    private final Guard retries;
    private final ModelBreakers breakers;
    private final HeldBytes held;

    public ModelProvider(ProviderConfig config, Vertx vertx, TlsConfigurationRegistry tls, MeterRegistry metrics) {
        this.config = config;
        this.metrics = metrics;
        HttpClientOptions options = new HttpClientOptions()
                .setConnectTimeout(Math.toIntExact(config.connectTimeout().toMillis()))
                .setMaxPoolSize(config.maxConcurrentCalls());
        tls.getDefault().ifPresent(trust -> TlsConfigUtils.configure(options, trust));
        this.http = vertx.createHttpClient(options);
        this.streamed = request(config, MediaType.SERVER_SENT_EVENTS + ", " + MediaType.APPLICATION_JSON);
        this.whole = request(config, MediaType.APPLICATION_JSON);
        this.bulkhead = Guard.create().withDescription("calls of the provider")
                // Calls beyond the limit are refused; the bulkhead requires a queue of at least 1.
                .withBulkhead().limit(config.maxConcurrentCalls()).queueSize(1).done()
                .build();
        this.retries = Guard.create().withDescription("attempts to call the provider")
                .withRetry().maxRetries(config.retries()).maxDuration(0, ChronoUnit.MILLIS).jitter(0, ChronoUnit.MILLIS)
                .whenException(this::isRetryable)
                .delay(config.retryDelay().toMillis(), ChronoUnit.MILLIS)
                .withCustomBackoff().strategy(Backoff::new).done()
                .done()
                .build();
        this.breakers = new ModelBreakers(config.breaker(), System::nanoTime,
                metrics.counter("chatkeep.provider.spared")::increment);
        this.held = HeldBytes.ofHeap(config.maxEventSize().asLongValue());
    }

    private static RequestOptions request(ProviderConfig config, String accepted) {
        RequestOptions request = new RequestOptions().setMethod(HttpMethod.POST)
                .setAbsoluteURI(config.baseUrl().toString().replaceAll("/+$", "") + "/chat/completions")
                .putHeader(HttpHeaders.CONTENT_TYPE, MediaType.APPLICATION_JSON)
                .putHeader(HttpHeaders.ACCEPT, accepted)
                // What compresses a stream may hold its pieces back.
                .putHeader(HttpHeaders.ACCEPT_ENCODING, "identity");
        config.apiKey().ifPresent(key -> request.putHeader(HttpHeaders.AUTHORIZATION, "Bearer " + key));
        return request;
    }

    /**
     * Starts a call at once.
     *
     * @param model that the request asks for; each has a circuit breaker of its own
     * @param body a request of OpenAI's chat completions
     * @param streaming whether it asks for a stream; a whole answer may take as long as the call
     * @param listener gets the events of the call on the current Vert.x context
     */
    public ProviderCall call(String model, byte[] body, boolean streaming, ProviderListener listener) {
        Context context = Vertx.currentContext();
        Buffer content = Buffer.buffer(body);
        ProviderCall call = new ProviderCall(context, config, new MeasuredListener(listener, metrics),
                () -> http.request(streaming ? streamed : whole), content, streaming, held);
        bulkhead.get(() -> retries.get(() -> breakers.guard(model, call::attempt), NOTHING).chain(call::whenFinished), NOTHING)
                .subscribe().with(done -> {
                }, failure -> context.runOnContext(now -> call.fail(ProviderFailure.of(failure))));
        return call;
    }

    private boolean isRetryable(Throwable failure) {
        return failure instanceof ProviderFailure e && e.isTransient()
                && e.retryAfter().orElse(Duration.ZERO).compareTo(config.longestRetryDelay()) <= 0;
    }

    /**
     * Doubles the delay with each retry and adds up to half of it at random. A longer delay that the provider asks for replaces
     * it.
     */
    private final class Backoff implements CustomBackoffStrategy {

        private long millis;

        @Override
        public void init(long initialDelayInMillis) {
            millis = initialDelayInMillis;
        }

        @Override
        public long nextDelayInMillis(Throwable failure) {
            long delay = Math.min(millis, config.longestRetryDelay().toMillis());
            millis = delay * 2;
            long requested = failure instanceof ProviderFailure e ? e.retryAfter().map(Duration::toMillis).orElse(0L) : 0;
            return Math.max(requested, delay) + ThreadLocalRandom.current().nextLong(delay / 2 + 1);
        }
    }
}
