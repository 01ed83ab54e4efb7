package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.PublicKey;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;

import org.jose4j.jwk.JsonWebKey;
import org.jose4j.jwk.JsonWebKeySet;
import org.jose4j.lang.JoseException;

import com.sun.net.httpserver.HttpServer;

/** An issuer that publishes its keys. */
public final class JwksServer implements AutoCloseable {

    private final HttpServer server;
    private final List<JsonWebKey> keys = new ArrayList<>();
    private final AtomicInteger requests = new AtomicInteger();
    private volatile String answer = "";
    private volatile int status = 200;
    private volatile Map<String, String> headers = Map.of();

    public JwksServer() {
        try {
            server = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        server.createContext("/jwks.json", exchange -> {
            requests.incrementAndGet();
            byte[] body = answer.getBytes(StandardCharsets.UTF_8);
            exchange.getResponseHeaders().add("Content-Type", "application/json");
            headers.forEach(exchange.getResponseHeaders()::add);
            exchange.sendResponseHeaders(status, body.length == 0 ? -1 : body.length);
            exchange.getResponseBody().write(body);
            exchange.close();
        });
        server.start();
    }

    public String url() {
        return "http://" + server.getAddress().getHostString() + ":" + server.getAddress().getPort() + "/jwks.json";
    }

    /** How often the keys have been asked for. */
    public int requests() {
        return requests.get();
    }

    public static KeyPair rsa() {
        return generate("RSA", 2048);
    }

    public static KeyPair ec() {
        return generate("EC", 256);
    }

    public void publish(String id, String algorithm, PublicKey key) {
        try {
            JsonWebKey published = JsonWebKey.Factory.newJwk(key);
            published.setKeyId(id);
            published.setAlgorithm(algorithm);
            published.setUse("sig");
            keys.add(published);
        } catch (JoseException e) {
            throw new IllegalStateException(e);
        }
        answer(200, new JsonWebKeySet(keys).toJson());
    }

    public void withdraw(String id) {
        keys.removeIf(key -> id.equals(key.getKeyId()));
        answer(200, new JsonWebKeySet(keys).toJson());
    }

    /** Has its answers carry a header beside their type. */
    public void header(String name, String value) {
        headers = Map.of(name, value);
    }

    /** Has the server answer with something else than its keys. */
    public void answer(int status, String body) {
        this.status = status;
        this.answer = body;
    }

    @Override
    public void close() {
        server.stop(0);
    }

    private static KeyPair generate(String algorithm, int bits) {
        try {
            KeyPairGenerator generator = KeyPairGenerator.getInstance(algorithm);
            generator.initialize(bits);
            return generator.generateKeyPair();
        } catch (GeneralSecurityException e) {
            throw new IllegalStateException(e);
        }
    }
}
