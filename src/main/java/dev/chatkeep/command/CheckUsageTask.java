package dev.chatkeep.command;

import java.util.UUID;

import dev.chatkeep.database.Database;
import dev.chatkeep.database.Statements;
import dev.chatkeep.usage.UsageAudit;
import dev.chatkeep.usage.UsageAudit.Difference;
import me.tongfei.progressbar.ProgressBar;
import picocli.CommandLine.Command;
import picocli.CommandLine.ExitCode;
import picocli.CommandLine.Option;

/** Compares usage with the ledger, and repairs it on request. */
@Command(name = "check-usage", description = "Compare the figures of usage (days, models, totals) with the ledger of charges"
        + " whose sums they are. Prints what differs, a figure a line; the status is 1 if something does.")
final class CheckUsageTask extends Task {

    private static final UUID NONE = new UUID(0, 0);

    @Option(names = "--user", paramLabel = "ID", description = "One user; all by default.")
    private UUID user;

    @Option(names = "--repair", description = "Bring what differs back to the ledger; the status is 0 then.")
    private boolean repair;

    @Override
    int run() {
        Statements service = bean(Database.class).asService().write();
        long users = 0;
        long differences = 0;
        try (ProgressBar progress = Progress.of("Users", user == null ? result(UsageAudit.users(service)) : 1)) {
            UsageAudit.Page page = result(UsageAudit.check(service, NONE, user));
            while (page.last() != null) {
                users += page.users();
                differences += page.differences().size();
                page.differences().forEach(CheckUsageTask::print);
                if (repair) {
                    page.differences().stream().map(Difference::user).distinct()
                            .forEach(affected -> result(UsageAudit.repair(service, affected)));
                }
                progress.stepTo(users);
                page = result(UsageAudit.check(service, page.last(), user));
            }
        }
        System.out.println(users + " users, " + differences + " figures " + (repair ? "repaired." : "differ."));
        return differences == 0 || repair ? ExitCode.OK : ExitCode.SOFTWARE;
    }

    private static void print(Difference difference) {
        System.out.println(difference.user() + " " + (difference.day() == null ? "all time" : difference.day()) + " "
                + (difference.model() == null ? "" : difference.model() + " ") + difference.figure() + ": "
                + difference.recorded().toPlainString() + ", by the ledger " + difference.charged().toPlainString());
    }
}
