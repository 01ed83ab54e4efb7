package dev.chatkeep.testsupport;

import static dev.chatkeep.testsupport.Granted.granted;

import java.util.UUID;

/** Models that one test has to itself: model access is the same for everybody. */
public final class Models {

    private Models() {
    }

    /** An id as providers make them, with a slash and a colon. */
    public static String freshId() {
        return "test/" + UUID.randomUUID() + ":free";
    }

    /** Opens a new model for a tier and all above it, and returns its id. */
    public static String open(String tier, String inputCost, String outputCost) {
        String model = freshId();
        open(model, tier, inputCost, outputCost);
        return model;
    }

    /** Returns the id of the row. */
    public static String open(String model, String tier, String inputCost, String outputCost) {
        return Administrator.service().request().body("""
                {"model_id": "%s", "tier": "%s", "input_cost_per_token": %s, "output_cost_per_token": %s}
                """.formatted(model, tier, inputCost, outputCost)).post("/api/admin/models")
                .then().statusCode(201).extract().path("id");
    }

    public static void change(String row, String body) {
        granted(Administrator.service().request().body(body).patch("/api/admin/models/" + row));
    }

    /** Takes the model from its tier. */
    public static void close(String row) {
        granted(Administrator.service().request().delete("/api/admin/models/" + row));
    }
}
