package dev.chatkeep.schema;

import static org.assertj.core.api.Assertions.assertThat;

import java.lang.reflect.Field;
import java.lang.reflect.Modifier;
import java.math.BigDecimal;
import java.time.Instant;
import java.time.LocalDate;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.UUID;
import java.util.function.Function;
import java.util.stream.Collectors;

import jakarta.persistence.Column;
import jakarta.persistence.Entity;
import jakarta.persistence.Table;

import org.hibernate.annotations.JdbcTypeCode;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.MigratedDatabase;
import dev.chatkeep.testsupport.SqlCaller;

/** The migrations own the schema, and Hibernate does not compare it with the entities. */
@BesideOthers
class EntityMappingTest {

    private static final Map<Class<?>, String> TYPES = Map.of(UUID.class, "uuid", String.class, "text", int.class, "integer",
            Integer.class, "integer", long.class, "bigint", boolean.class, "boolean", Instant.class,
            "timestamp with time zone", LocalDate.class, "date", BigDecimal.class, "numeric", List.class, "ARRAY");

    private static SqlCaller superuser;

    @BeforeAll
    static void migrate() {
        superuser = MigratedDatabase.create().superuser();
    }

    static Iterable<Class<?>> entities() {
        return new ClassFileImporter().withImportOption(new ImportOption.DoNotIncludeTests()).importPackages("dev.chatkeep")
                .stream().filter(type -> type.isAnnotatedWith(Entity.class)).<Class<?>> map(JavaClass::reflect).toList();
    }

    @ParameterizedTest
    @MethodSource("entities")
    void anEntityMapsColumnsOfItsTableWithTheirTypes(Class<?> entity) {
        // Given
        Table table = entity.getAnnotation(Table.class);

        // When
        Map<String, String> columns = superuser.rows("""
                select column_name, case data_type when 'character varying' then 'text' else data_type end as type
                  from information_schema.columns where table_schema = ? and table_name = ?
                """, table.schema(), table.name()).stream()
                .collect(Collectors.toMap(row -> (String) row.get("column_name"), row -> (String) row.get("type")));

        // Then
        assertThat(columns).containsAllEntriesOf(mapped(entity));
    }

    private static Map<String, String> mapped(Class<?> entity) {
        return Arrays.stream(entity.getDeclaredFields()).filter(field -> !Modifier.isStatic(field.getModifiers()))
                .filter(field -> !field.getName().startsWith("$"))
                .collect(Collectors.toMap(EntityMappingTest::column, EntityMappingTest::type, (one, other) -> one,
                        TreeMap::new));
    }

    private static String column(Field field) {
        Column column = field.getAnnotation(Column.class);
        return column == null || column.name().isEmpty() ? field.getName() : column.name();
    }

    private static String type(Field field) {
        Function<Class<?>, String> plain = type -> TYPES.getOrDefault(type, "unknown: " + type);
        return field.isAnnotationPresent(JdbcTypeCode.class) && field.getType() == String.class ? "jsonb"
                : plain.apply(field.getType());
    }
}
