package dev.chatkeep.provider;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.zip.Deflater;
import java.util.zip.DeflaterOutputStream;
import java.util.zip.GZIPOutputStream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

import dev.chatkeep.provider.ProviderFailure.Kind;
import io.vertx.core.buffer.Buffer;

class DecompressionTest {

    private static final String TEXT = "data: {\"a\": \"Größe 😀\"}\n\n".repeat(500);

    @ParameterizedTest
    @CsvSource({ "gzip, gzip, 1", "gzip, GZIP, 7", "gzip, x-gzip, 5000", "gzip, 'identity, gzip', 100", "zlib, deflate, 1",
            "zlib, deflate, 5000", "raw, deflate, 1", "raw, deflate, 64", "none, identity, 3", "none, '', 5000" })
    void whatWasCompressedIsReadHoweverItComes(String how, String coding, int size) throws IOException {
        // Given
        byte[] bytes = compressed(how, TEXT);
        Decompression decompression = Decompression.of(List.of(coding));
        Buffer plain = Buffer.buffer();

        // When
        for (int from = 0; from < bytes.length; from += size) {
            decompression.accept(Buffer.buffer().appendBytes(bytes, from, Math.min(size, bytes.length - from)),
                    plain::appendBuffer);
        }
        decompression.close();

        // Then
        assertThat(plain.toString()).isEqualTo(TEXT);
    }

    @Test
    void anEventIsReadBeforeTheEndOfTheStream() throws IOException {
        // Given
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        GZIPOutputStream gzip = new GZIPOutputStream(bytes, true);
        gzip.write("data: a\n\n".getBytes(StandardCharsets.UTF_8));
        gzip.flush();
        Buffer plain = Buffer.buffer();

        // When
        Decompression.of(List.of("gzip")).accept(Buffer.buffer(bytes.toByteArray()), plain::appendBuffer);

        // Then
        assertThat(plain.toString()).isEqualTo("data: a\n\n");
    }

    @Test
    void aBodyWithoutACodingIsPassedOnAsItIs() {
        // Given
        Buffer body = Buffer.buffer("data: a\n\n");
        List<Buffer> parts = new ArrayList<>();

        // When
        Decompression.of(List.of()).accept(body, parts::add);

        // Then
        assertThat(parts).containsExactly(body);
    }

    @ParameterizedTest
    @ValueSource(strings = { "br", "zstd", "gzip, gzip", "none" })
    void aCodingThatNobodyKnowsIsAFailure(String coding) {
        // When
        ProviderFailure failure = catchThrowableOfType(ProviderFailure.class, () -> Decompression.of(List.of(coding)));

        // Then
        assertThat(failure.kind()).isEqualTo(Kind.FAILED);
    }

    @Test
    void brokenBytesAreAFailure() {
        // Given
        Decompression decompression = Decompression.of(List.of("gzip"));

        // When
        ProviderFailure failure = catchThrowableOfType(ProviderFailure.class,
                () -> decompression.accept(Buffer.buffer("data: this was never compressed\n\n"), part -> {
                }));
        decompression.close();

        // Then
        assertThat(failure.kind()).isEqualTo(Kind.BROKEN_OFF);
    }

    @Test
    void aBombIsGivenUpBeforeItIsLarge() throws IOException {
        // Given
        Buffer bomb = Buffer.buffer(compressed("gzip", "data: " + "a".repeat(64 << 20)));
        HeldBytes held = new HeldBytes(1 << 20, 1 << 20);
        EventStream stream = new EventStream(held.share(), data -> {
        });
        Decompression decompression = Decompression.of(List.of("gzip"));
        List<Integer> sizes = new ArrayList<>();

        // When
        ProviderFailure failure = catchThrowableOfType(ProviderFailure.class, () -> decompression.accept(bomb, part -> {
            sizes.add(part.length());
            stream.accept(part);
        }));
        decompression.close();

        // Then
        assertThat(failure.kind()).isEqualTo(Kind.TOO_LARGE);
        assertThat(sizes.stream().mapToInt(Integer::intValue).sum()).isLessThanOrEqualTo(3 << 20);
    }

    private static byte[] compressed(String how, String text) throws IOException {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        try (OutputStream out = switch (how) {
            case "gzip" -> new GZIPOutputStream(bytes);
            case "zlib" -> new DeflaterOutputStream(bytes);
            case "raw" -> new DeflaterOutputStream(bytes, new Deflater(Deflater.DEFAULT_COMPRESSION, true));
            default -> bytes;
        }) {
            out.write(text.getBytes(StandardCharsets.UTF_8));
        }
        return bytes.toByteArray();
    }
}
