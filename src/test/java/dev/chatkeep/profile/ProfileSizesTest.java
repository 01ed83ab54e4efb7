package dev.chatkeep.profile;

import static dev.chatkeep.testsupport.SqlCaller.SUCCESS;
import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

import dev.chatkeep.testsupport.BesideOthers;
import dev.chatkeep.testsupport.SqlTest;

/** What a profile holds is bounded by the schema, whoever writes it. */
@BesideOthers
class ProfileSizesTest extends SqlTest {

    private static final String CHECK_VIOLATION = "23514";

    @ParameterizedTest
    @CsvSource(delimiter = '|', textBlock = """
            avatar_url          | repeat('ü', 8192)                                     | repeat('ü', 8193)
            system_prompt       | repeat('a', 65536)                                    | concat(repeat('a', 65535), 'ü')
            allowed_models      | array_fill('m'::text, array [1000])                   | array_fill('m'::text, array [1001])
            allowed_models      | array [repeat('m', 65534)]                            | array [repeat('m', 65535)]
            ui_preferences      | jsonb_build_object('a', repeat('b', 65527))           | jsonb_build_object('a', repeat('b', 65528))
            session_preferences | jsonb_build_object('a', repeat('b', 65527))           | jsonb_build_object('a', repeat('b', 65528))
            ban_reason          | repeat('ü', 1024)                                     | repeat('ü', 1025)
            """)
    void whatIsLargerIsRefused(String column, String largest, String tooLarge) {
        // Given
        String update = "update public.profiles set " + column + " = %s where id = ?";

        // When
        String stateOfLargest = database.service().state(update.formatted(largest), id);
        String stateOfTooLarge = database.service().state(update.formatted(tooLarge), id);

        // Then
        assertThat(stateOfLargest).isEqualTo(SUCCESS);
        assertThat(stateOfTooLarge).isEqualTo(CHECK_VIOLATION);
        assertThat(superuser.<Boolean> value("select " + column + " = " + largest + " from public.profiles where id = ?", id))
                .isTrue();
    }
}
