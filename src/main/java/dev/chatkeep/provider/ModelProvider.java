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
 * The provider of models. Its key stays in here.
 * <p>
 * It is called with the client below Quarkus' REST client, which is made for whole answers: of streams it reads each event
 * from its beginning again with every piece that comes, has no way to slow the provider down, gives up the connection after
 * each answer, and does not notice one that breaks while it hands the answer on.
 */
@ApplicationScoped
@Startup // outside of the HTTP server, or else its end would be that of all connections made here
public class ModelProvider {

    private static final TypeLiteral<Uni<Void>> NOTHING = new TypeLiteral<>() {
        private static final long serialVersionUID = 1L;
    };

    private final ProviderConfig config;
    private final HttpClient http;
    private final MeterRegistry metrics;
    private final RequestOptions request;
    /** Holds a place until the call is over. */
    private final Guard places;
    /** Around each attempt to get a first byte. */
    private final Guard attempts;

    public ModelProvider(ProviderConfig config, Vertx vertx, TlsConfigurationRegistry tls, MeterRegistry metrics) {
        this.config = config;
        this.metrics = metrics;
        HttpClientOptions options = new HttpClientOptions()
                .setConnectTimeout(Math.toIntExact(config.connectTimeout().toMillis()))
                .setMaxPoolSize(config.maxConcurrentCalls());
        tls.getDefault().ifPresent(trust -> TlsConfigUtils.configure(options, trust));
        this.http = vertx.createHttpClient(options);
        this.request = new RequestOptions().setMethod(HttpMethod.POST)
                .setAbsoluteURI(config.baseUrl().toString().replaceAll("/+$", "") + "/chat/completions")
                .putHeader(HttpHeaders.CONTENT_TYPE, MediaType.APPLICATION_JSON)
                .putHeader(HttpHeaders.ACCEPT, MediaType.SERVER_SENT_EVENTS + ", " + MediaType.APPLICATION_JSON);
        config.apiKey().ifPresent(key -> request.putHeader(HttpHeaders.AUTHORIZATION, "Bearer " + key));
        this.places = Guard.create().withDescription("calls of the provider")
                // Who finds no place is told so; a queue of none is not to be had.
                .withBulkhead().limit(config.maxConcurrentCalls()).queueSize(1).done()
                .build();
        this.attempts = Guard.create().withDescription("attempts to call the provider")
                .withRetry().maxRetries(config.retries()).maxDuration(0, ChronoUnit.MILLIS).jitter(0, ChronoUnit.MILLIS)
                .whenException(this::isWorthARetry)
                .delay(config.retryDelay().toMillis(), ChronoUnit.MILLIS)
                .withCustomBackoff().strategy(Backoff::new).done()
                .done()
                .withCircuitBreaker().requestVolumeThreshold(config.breaker().calls())
                .failureRatio(config.breaker().failureRatio())
                .delay(config.breaker().delay().toMillis(), ChronoUnit.MILLIS)
                .when(failure -> failure instanceof ProviderFailure e && e.isOutage()).done()
                .build();
    }

    /**
     * Calls the provider at once.
     *
     * @param body a request of OpenAI's chat completions
     * @param listener hears of it on the current Vert.x context
     */
    public ProviderCall call(byte[] body, ProviderListener listener) {
        Context context = Vertx.currentContext();
        Buffer sent = Buffer.buffer(body);
        ProviderCall call = new ProviderCall(context, config, new MeasuredListener(listener, metrics),
                () -> http.request(request), sent);
        places.get(() -> attempts.get(call::attempt, NOTHING).chain(call::whenOver), NOTHING)
                .subscribe().with(done -> {
                }, failure -> context.runOnContext(now -> call.fail(ProviderFailure.of(failure))));
        return call;
    }

    private boolean isWorthARetry(Throwable failure) {
        return failure instanceof ProviderFailure e && e.mayPass()
                && e.retryAfter().orElse(Duration.ZERO).compareTo(config.longestRetryDelay()) <= 0;
    }

    /** Doubles from retry to retry and adds up to half of it at random; what the provider asks for takes its place. */
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
            long asked = failure instanceof ProviderFailure e ? e.retryAfter().map(Duration::toMillis).orElse(0L) : 0;
            return Math.max(asked, delay) + ThreadLocalRandom.current().nextLong(delay / 2 + 1);
        }
    }
}
