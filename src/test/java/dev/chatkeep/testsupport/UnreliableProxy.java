package dev.chatkeep.testsupport;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.net.Socket;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.atomic.AtomicInteger;

/**
 * Stands between a client and its server and breaks off connections: those that a test names, and, while it is unreliable, each
 * one after a number of bytes that chance decides, so before, in the middle of and after answers.
 */
public final class UnreliableProxy implements AutoCloseable {

    /** Which side gets to know of the end, and how. */
    public enum End {
        /** The client reads the end of the stream; the server hears of it when the client closes. */
        FIN_TO_CLIENT,
        /** The server reads the end of the stream; the client hears of it when the server closes. */
        FIN_TO_SERVER,
        /** Both are told that the connection was reset. */
        RESET
    }

    private static final int BUFFER = 4096;

    private final ServerSocket socket;
    private final int serverPort;
    private final int mostBytes;
    private final Random random;
    private final ExecutorService threads = Executors.newCachedThreadPool(work -> {
        Thread thread = new Thread(work, "unreliable-proxy");
        thread.setDaemon(true);
        return thread;
    });
    private final Set<Link> links = ConcurrentHashMap.newKeySet();
    private final AtomicInteger broken = new AtomicInteger();
    private volatile boolean unreliable;

    /**
     * It is reliable.
     *
     * @param mostBytes that pass to the client before a connection is broken off, once it is unreliable
     */
    public UnreliableProxy(int serverPort, int mostBytes, long seed) {
        this.serverPort = serverPort;
        this.mostBytes = mostBytes;
        this.random = new Random(seed);
        try {
            socket = new ServerSocket(0, 512, InetAddress.getLoopbackAddress());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        threads.execute(this::accept);
    }

    public int port() {
        return socket.getLocalPort();
    }

    /** How many connections it has broken off. */
    public int broken() {
        return broken.get();
    }

    /** From now on, or no longer; then also those connections go on that were to be broken off later. */
    public void unreliable(boolean now) {
        unreliable = now;
        for (Link link : links) {
            link.left = now ? bytes() : Long.MAX_VALUE;
        }
    }

    /** Breaks off one of the connections, whatever it is doing. */
    public void breakOne() {
        List<Link> all = List.copyOf(links);
        if (!all.isEmpty()) {
            all.get(number(all.size())).end(anyEnd());
        }
    }

    @Override
    public void close() throws IOException {
        socket.close();
        links.forEach(Link::close);
        threads.shutdownNow();
    }

    private void accept() {
        while (!socket.isClosed()) {
            try {
                Link link = new Link(socket.accept(), new Socket(InetAddress.getLoopbackAddress(), serverPort));
                links.add(link);
                threads.execute(() -> link.pass(link.client, link.server, false));
                threads.execute(() -> link.pass(link.server, link.client, true));
            } catch (IOException e) {
                // Closed, or the server takes nobody.
            }
        }
    }

    private long bytes() {
        return number(mostBytes);
    }

    private End anyEnd() {
        return End.values()[number(End.values().length)];
    }

    private int number(int bound) {
        synchronized (random) {
            return random.nextInt(bound);
        }
    }

    private final class Link {

        private final Socket client;
        private final Socket server;
        /** Bytes that still pass to the client. */
        private volatile long left = unreliable ? bytes() : Long.MAX_VALUE;

        Link(Socket client, Socket server) throws IOException {
            this.client = client;
            this.server = server;
            client.setTcpNoDelay(true);
            server.setTcpNoDelay(true);
        }

        void pass(Socket from, Socket to, boolean counted) {
            byte[] buffer = new byte[BUFFER];
            try {
                InputStream in = from.getInputStream();
                OutputStream out = to.getOutputStream();
                for (int read = in.read(buffer); read >= 0; read = in.read(buffer)) {
                    int passed = counted ? (int) Math.min(read, left) : read;
                    out.write(buffer, 0, passed);
                    if (counted && left < Long.MAX_VALUE) {
                        left -= passed;
                        if (left <= 0) {
                            end(anyEnd());
                        }
                    }
                }
                to.shutdownOutput();
            } catch (IOException e) {
                close();
            }
            if (counted) {
                close();
            }
        }

        void end(End how) {
            if (!links.remove(this)) {
                return;
            }
            broken.incrementAndGet();
            try {
                switch (how) {
                    case FIN_TO_CLIENT -> client.shutdownOutput();
                    case FIN_TO_SERVER -> server.shutdownOutput();
                    case RESET -> {
                        client.setSoLinger(true, 0);
                        server.setSoLinger(true, 0);
                        close();
                    }
                }
            } catch (IOException e) {
                close();
            }
        }

        void close() {
            links.remove(this);
            try {
                client.close();
                server.close();
            } catch (IOException e) {
                throw new UncheckedIOException(e);
            }
        }
    }
}
