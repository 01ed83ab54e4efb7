package dev.chatkeep.completion;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;

/**
 * How many tokens a text has, where nobody says. Each model cuts texts up in its own way: this is that of OpenAI's newer
 * ones. Not for the event loop.
 */
final class TokenEstimate {

    /** Counted as it is; what is longer is taken to go on like this. */
    private static final int MAX_CHARACTERS = 200_000;

    private TokenEstimate() {
    }

    /** Its tables take a moment to read and some megabytes to hold, so only who needs them does. */
    private static final class Tables {

        static final Encoding O200K = Encodings.newLazyEncodingRegistry().getEncoding(EncodingType.O200K_BASE);
    }

    static int of(CharSequence text) {
        int length = text.length();
        if (length <= MAX_CHARACTERS) {
            return Tables.O200K.countTokensOrdinary(text.toString());
        }
        double counted = Tables.O200K.countTokensOrdinary(text.subSequence(0, MAX_CHARACTERS).toString());
        return (int) Math.min(Integer.MAX_VALUE, Math.round(counted * length / MAX_CHARACTERS));
    }
}
