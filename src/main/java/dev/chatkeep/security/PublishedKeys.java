package dev.chatkeep.security;

import java.io.IOException;
import java.time.Duration;
import java.util.Collection;
import java.util.List;

import org.jose4j.http.Get;
import org.jose4j.http.SimpleGet;
import org.jose4j.http.SimpleResponse;
import org.jose4j.jwk.HttpsJwks;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.lang.JoseException;

/**
 * The keys that the issuer publishes. They are fetched again when they have been known for a while, whatever the issuer says of
 * caching, and for a token that none of them fits; both with a pause, because anybody can send such a token. Where the issuer
 * cannot be reached, those that are known go on.
 */
final class PublishedKeys extends HttpsJwks {

    /** Between one attempt and the next: a new key works after so long at most. */
    static final Duration PAUSE = Duration.ofSeconds(3);
    /** How long known keys go on after an attempt that failed. */
    private static final Duration RETRY = Duration.ofSeconds(10);
    private static final int TIMEOUT_MILLIS = 5_000;

    private final Duration maxAge;
    private final Fetching fetching = new Fetching();
    private volatile long staleFrom = System.nanoTime();

    PublishedKeys(String url, Duration maxAge) {
        super(url);
        this.maxAge = maxAge;
        setSimpleHttpGet(fetching);
        setDefaultCacheDuration(Math.max(1, maxAge.toSeconds()));
        setRefreshReprieveThreshold(PAUSE.toMillis());
        setRetainCacheOnErrorDuration(RETRY.toSeconds());
    }

    @Override
    public void refresh() throws JoseException, IOException {
        super.refresh();
        staleFrom = fetching.lastSuccess + maxAge.toNanos();
    }

    /** How long the keys will be known without being fetched again; zero if they have to be. */
    Duration knownFor() {
        return Duration.ofNanos(Math.max(0, staleFrom - System.nanoTime()));
    }

    /** Called by one thread at a time. */
    private static final class Fetching implements SimpleGet {

        private final Get get = new Get();
        private long lastAttempt = System.nanoTime() - PAUSE.toNanos();
        private volatile long lastSuccess = lastAttempt;

        Fetching() {
            get.setConnectTimeout(TIMEOUT_MILLIS);
            get.setReadTimeout(TIMEOUT_MILLIS);
            get.setRetries(1);
        }

        @Override
        public SimpleResponse get(String url) throws IOException {
            long now = System.nanoTime();
            if (now - lastAttempt < PAUSE.toNanos()) {
                throw new IOException("The keys were asked for less than " + PAUSE.toSeconds() + " seconds ago");
            }
            SimpleResponse response;
            try {
                response = get.get(url);
                new JsonWebKeySet(response.getBody());
            } catch (JoseException e) {
                throw new IOException("The issuer publishes no keys", e);
            } finally {
                // An issuer that takes long is not asked again at once.
                lastAttempt = System.nanoTime();
            }
            lastSuccess = now;
            return new Uncached(response);
        }
    }

    /** A response without headers, which might say that it is good for hours. */
    private record Uncached(SimpleResponse response) implements SimpleResponse {

        @Override
        public int getStatusCode() {
            return response.getStatusCode();
        }

        @Override
        public String getStatusMessage() {
            return response.getStatusMessage();
        }

        @Override
        public Collection<String> getHeaderNames() {
            return List.of();
        }

        @Override
        public List<String> getHeaderValues(String name) {
            return List.of();
        }

        @Override
        public String getBody() {
            return response.getBody();
        }
    }
}
