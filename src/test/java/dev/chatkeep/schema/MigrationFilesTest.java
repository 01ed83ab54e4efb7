package dev.chatkeep.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.testsupport.BesideOthers;

/** What a migration may do to tables that a service is at work on. */
@BesideOthers
class MigrationFilesTest {

    private static final Pattern CREATED_TABLE = Pattern.compile("create (?:unlogged )?table (?:if not exists )?([\\w.]+)");
    private static final Pattern INDEX = Pattern
            .compile("create (?:unique )?index (concurrently )?(?:if not exists )?(\\w+)\\s+on (?:only )?([\\w.]+)");
    private static final Pattern DROPPED_INDEX = Pattern
            .compile("drop index concurrently if exists (?:public\\.|chatkeep\\.)?(\\w+)");
    private static final Pattern UNCHECKED = Pattern
            .compile("alter table (?:only )?([\\w.]+) add constraint \\w+ (?:check|foreign key)[^;]*[^;\\s]");
    private static final Pattern TABLE_LOCK = Pattern.compile("create (?:or replace )?(?:constraint )?trigger|drop trigger"
            + "|(?:create|alter|drop) table|create (?:unique )?index|drop index|create policy|alter policy|drop policy|lock table"
            + "|truncate table|reindex|cluster |vacuum");

    @Test
    void everyMigrationKeepsTheRules() throws IOException {
        // When
        Map<String, List<String>> complaints = new TreeMap<>();
        try (Stream<Path> files = Files.list(Path.of("src", "main", "resources", "db", "migration"))) {
            for (Path file : files.filter(path -> path.toString().endsWith(".sql")).toList()) {
                String name = file.getFileName().toString();
                complaints.put(name, complaints(name, Files.readString(file)));
            }
        }

        // Then
        assertThat(complaints).hasSizeGreaterThan(12).allSatisfy((file, found) -> assertThat(found).isEmpty());
    }

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            V7__a.sql  | create table public.a (b int); create index a_b on public.a (b)                                   |
            V7__a.sql  | create index a_b on public.a (b)                                                                  | a_b is built while nobody can write public.a
            V7__a.sql  | CREATE UNIQUE INDEX a_b ON public.a (b)                                                           | a_b is built while nobody can write public.a
            V7__a.sql  | create index concurrently a_b on public.a (b)                                                     | a_b may be left half built by an attempt before
            V7__a.sql  | drop index concurrently if exists public.a_b; create index concurrently a_b on public.a (b)       |
            V7__a.sql  | drop index concurrently if exists public.a_b; create index concurrently a_b on public.a (b); select 1 | an index is not built in a file of its own
            V7__a.sql  | alter table public.a add constraint c check (b > 0) not valid                                     |
            V7__a.sql  | alter table public.a add constraint c check (b > 0)                                               | a constraint is checked while nobody can write public.a
            V7__a.sql  | alter table public.a validate constraint c                                                        |
            V7__a.sql  | alter table public.a add constraint c check (b > 0) not valid; alter table public.a validate constraint c | a constraint is validated under the lock with which it was added
            V7__a.sql  | -- create index a_b on public.a (b)                                                               |
            R__01_a.sql | create or replace function a() returns int language sql as $$ select 1 $$                        |
            R__01_a.sql | create or replace trigger t before update on public.a execute function b()                       | it locks a table: create or replace trigger
            R__01_a.sql | alter table public.a add column b int                                                            | it locks a table: alter table
            """)
    void aMigrationThatBreaksARuleIsFound(String file, String sql, String complaint) {
        // When
        List<String> complaints = complaints(file, sql);

        // Then
        assertThat(complaints).isEqualTo(complaint == null ? List.of() : List.of(complaint));
    }

    private static List<String> complaints(String name, String text) {
        // What functions do is done later, and by whom they are called.
        String sql = text.replaceAll("--[^\n]*", "").replaceAll("(?s)\\$\\$.*?\\$\\$", "''").replaceAll("\\s+", " ")
                .toLowerCase();
        return name.startsWith("R") ? complaintsOfRepeatable(sql) : complaintsOfVersion(sql);
    }

    private static List<String> complaintsOfRepeatable(String sql) {
        return TABLE_LOCK.matcher(sql).results().map(match -> "it locks a table: " + match.group()).toList();
    }

    private static List<String> complaintsOfVersion(String sql) {
        List<String> complaints = new ArrayList<>();
        List<String> made = CREATED_TABLE.matcher(sql).results().map(match -> match.group(1)).toList();
        List<String> dropped = DROPPED_INDEX.matcher(sql).results().map(match -> match.group(1)).toList();
        boolean concurrently = false;
        Matcher index = INDEX.matcher(sql);
        while (index.find()) {
            if (index.group(1) != null) {
                concurrently = true;
                if (!dropped.contains(index.group(2))) {
                    complaints.add(index.group(2) + " may be left half built by an attempt before");
                }
            } else if (!made.contains(index.group(3))) {
                complaints.add(index.group(2) + " is built while nobody can write " + index.group(3));
            }
        }
        if (concurrently && Stream.of(sql.split(";")).map(String::strip).filter(statement -> !statement.isEmpty())
                .anyMatch(statement -> !statement.matches("(create|drop) (unique )?index concurrently .*"))) {
            complaints.add("an index is not built in a file of its own");
        }
        UNCHECKED.matcher(sql).results()
                .filter(match -> !made.contains(match.group(1)) && !match.group().endsWith("not valid"))
                .forEach(match -> complaints.add("a constraint is checked while nobody can write " + match.group(1)));
        if (sql.contains("not valid") && sql.contains("validate constraint")) {
            complaints.add("a constraint is validated under the lock with which it was added");
        }
        return complaints;
    }
}
