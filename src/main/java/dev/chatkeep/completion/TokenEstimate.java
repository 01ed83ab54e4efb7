package dev.chatkeep.completion;

import com.knuddels.jtokkit.Encodings;
import com.knuddels.jtokkit.api.Encoding;
import com.knuddels.jtokkit.api.EncodingType;

/**
 * Estimates how many tokens a text has, where the provider does not say. Models differ in this; here texts are cut as OpenAI's
 * newer models do it. Not for the event loop.
 */
final class TokenEstimate {

    /** The rest of a longer text is assumed to be like its beginning. */
    private static final int MAX_CHARACTERS = 200_000;

    private TokenEstimate() {
    }

    /** Reading the tables takes a moment and some megabytes, so it happens with the first estimate. */
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
