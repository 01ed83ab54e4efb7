package dev.chatkeep.command;

import java.io.IOException;
import java.net.HttpURLConnection;
import java.net.URI;
import java.time.Duration;
import java.util.Set;
import java.util.concurrent.Callable;

import org.eclipse.microprofile.config.Config;

import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/**
 * Asks the local instance whether it is ready. Containers use it as health check, because the image contains no HTTP client.
 * Unlike the other tasks, it does not start Quarkus.
 */
@Command(name = "ready", description = "Ask the service that runs here with the same settings whether it is ready. The status"
        + " is 1 if it is not.")
final class ReadyTask implements Callable<Integer> {

    private static final String PATH = "/q/health/ready";
    private static final Duration PATIENCE = Duration.ofSeconds(3);
    private static final Set<String> WILDCARD_ADDRESSES = Set.of("0.0.0.0", "::", "0:0:0:0:0:0:0:0");

    @Option(names = { "-h", "--help" }, usageHelp = true, description = "Show this and exit.")
    private boolean help;

    @Override
    public Integer call() {
        try {
            int status = ask(address(RequiredSettings.read()));
            if (status == HttpURLConnection.HTTP_OK) {
                System.out.println("The service is ready.");
                return ExitCode.OK;
            }
            System.err.println("The service is not ready: it answers with status " + status + ".");
        } catch (IOException e) {
            System.err.println("The service does not answer: " + e.getMessage());
        }
        return ExitCode.SOFTWARE;
    }

    /** The address of the readiness check, on the management port if there is one. */
    private static URI address(Config config) {
        boolean management = config.getOptionalValue("quarkus.management.enabled", Boolean.class).orElse(false);
        String prefix = management ? "quarkus.management." : "quarkus.http.";
        String host = config.getOptionalValue(prefix + "host", String.class)
                .filter(name -> !WILDCARD_ADDRESSES.contains(name)).orElse("127.0.0.1");
        int port = config.getOptionalValue(prefix + "port", Integer.class).orElse(management ? 9000 : 8080);
        return URI.create("http://" + (host.contains(":") ? "[" + host + "]" : host) + ":" + port + PATH);
    }

    private static int ask(URI address) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) address.toURL().openConnection();
        connection.setConnectTimeout((int) PATIENCE.toMillis());
        connection.setReadTimeout((int) PATIENCE.toMillis());
        try {
            return connection.getResponseCode();
        } finally {
            connection.disconnect();
        }
    }
}
