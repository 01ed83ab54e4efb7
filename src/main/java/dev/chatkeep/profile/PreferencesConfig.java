package dev.chatkeep.profile;

import java.util.List;

import io.smallrye.config.ConfigMapping;
import io.smallrye.config.WithDefault;

/** What users may prefer. */
@ConfigMapping(prefix = "chatkeep.preferences")
public interface PreferencesConfig {

    /** The presets of a front end for how its user wants to be answered: names that it knows, and that are kept as they are. */
    @WithDefault("helpful,professional,creative,concise,empathetic,technical,socratic,witty")
    List<String> personalityPresets();
}
