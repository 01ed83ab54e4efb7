export interface Activity {
    id: string;
    action: string;
    resource_type: string | null;
    resource_id: string | null;
    details: {
        [key: string]: unknown;
    };
    timestamp: string;
    ip_address: string | null;
    user_agent: string | null;
}
export interface ActivityList {
    activities: Array<Activity>;
    count: number;
    /** Null on the last page */
    next_cursor: string | null;
}
export interface AdminModel {
    id: string;
    model_id: string;
    tier: "free" | "pro" | "enterprise" | "admin";
    is_active: boolean;
    input_cost_per_token: number;
    output_cost_per_token: number;
    /** Of an input token from the provider's cache; null is as any other */
    cached_input_cost_per_token: number | null;
    daily_limit: number | null;
    monthly_limit: number | null;
    model_name: string | null;
    model_description: string | null;
    model_tags: Array<string>;
    context_length: number | null;
    created_at: string;
    updated_at: string;
}
export interface AdminModelList {
    models: Array<AdminModel>;
    count: number;
    /** Null on the last page */
    next_cursor: string | null;
}
export interface AdminUser {
    id: string;
    email: string | null;
    full_name: string | null;
    avatar_url: string | null;
    subscription_tier: "free" | "pro" | "enterprise" | "admin";
    credits: number;
    created_at: string;
    updated_at: string;
    last_active: string | null;
}
export interface AdminUserChanged {
    success: boolean;
    user: AdminUser;
    old_tier: "free" | "pro" | "enterprise" | "admin";
    old_credits: number;
}
export interface AdminUserList {
    users: Array<AdminUser>;
    count: number;
    /** Null on the last page */
    next_cursor: string | null;
}
export interface AdminUserWithUsage {
    /** As `GET /api/user/profile` */
    profile: CompleteProfile;
    /** As `GET /api/usage/summary` */
    usage: UsageSummary;
}
export interface AvailableModel {
    model_id: string;
    model_name: string | null;
    model_description: string | null;
    model_tags: Array<string>;
    input_cost_per_token: number;
    output_cost_per_token: number;
    /** Answers per day; null is unlimited */
    daily_limit: number | null;
    monthly_limit: number | null;
}
export interface Catalog {
    data: Array<CatalogModel>;
}
export interface CatalogArchitecture {
    input_modalities?: Array<string> | null;
}
export interface CatalogImported {
    created: number;
    updated: number;
    unchanged: number;
    errors: number;
    /** The models that were not imported, and why */
    details: Array<CatalogRefused>;
}
export interface CatalogModel {
    id: string;
    name?: string | null;
    description?: string | null;
    context_length?: number | null;
    pricing?: CatalogPricing | null;
    architecture?: CatalogArchitecture | null;
    supported_parameters?: Array<string> | null;
}
/** For one token, as decimal text */
export interface CatalogPricing {
    prompt?: string | null;
    completion?: string | null;
    /** Of an input token from the provider's cache; what is no number is as if it were missing */
    input_cache_read?: string | null;
}
export interface CatalogRefused {
    model_id: string | null;
    error: string;
}
export interface ChatAnswer {
    response: string;
    usage: CompletionUsage;
    /** The id of the question */
    request_id?: string;
    timestamp: string;
    /** Seconds */
    elapsed_time: number;
    contentType?: "text" | "markdown";
    /** The provider's id of the answer */
    id?: string;
    model: string;
    /** What `GET /api/chat/streams/{id}` knows it by */
    stream_id: string;
    /** The session that it is stored in */
    session_id?: string;
    /** The message that it is stored as */
    message_id?: string;
    /** Why the model does not answer; without any other text it is the response, too */
    refusal?: string;
}
/** As the provider sends it */
export interface ChatCompletion {
    id?: string;
    object?: string;
    created?: number;
    model?: string;
    choices?: Array<{
        [key: string]: unknown;
    }>;
    usage?: {
        [key: string]: unknown;
    };
    [key: string]: unknown;
}
/** A piece of a streamed completion, as the provider sends it; one with `error` ends the stream */
export interface ChatCompletionChunk {
    id?: string;
    object?: string;
    created?: number;
    model?: string;
    choices?: Array<{
        [key: string]: unknown;
    }>;
    usage?: {
        [key: string]: unknown;
    };
    error?: OpenAiError;
    [key: string]: unknown;
}
/** And OpenAI's options for sampling, formats and tools. Others are refused unless the operator allows them */
export interface ChatCompletionRequest {
    model?: string | null;
    messages: Array<{
        [key: string]: unknown;
    }>;
    stream?: boolean | null;
    /** `session_id` is taken out of it */
    metadata?: {
        [key: string]: unknown;
    } | null;
    [key: string]: unknown;
}
/** The data of `delta`: the next piece of the text */
export interface ChatDelta {
    content: string;
}
export interface ChatRequest {
    /** The question: text, or a message with an id of its own. Left out where the last of `messages` is the user's */
    message?: string | Question | null;
    /** The user's default model if it is left out */
    model?: string | null;
    /** What the model is to see; with a session and without this, it is the stored session */
    messages?: Array<ContextMessage> | null;
    /** Where question and answer are stored; `conversationId` is the same. Without it nothing is stored */
    sessionId?: string | null;
    /** The answer as server-sent events; `Accept: text/event-stream` does the same */
    stream?: boolean | null;
    /** Instead of the user's own */
    system_prompt?: string | null;
    /** Instead of the user's own */
    temperature?: number | null;
    /** The most tokens that the answer may have */
    max_tokens?: number | null;
}
export interface ChatResponse {
    data: ChatAnswer;
    timestamp: string;
}
export interface CleanedUp {
    success: boolean;
    cleanup_date: string;
    deleted_records: DeletedRecords;
    cleanup_completed_at: string;
}
export interface Cleanup {
    /** `chatkeep.retention.days` by default */
    days_to_keep?: number | null;
}
export interface Cleared {
    success: boolean;
    message: string;
    deletedCount: number;
}
/** As `GET /api/user/profile` */
export interface CompleteProfile {
    id: string;
    email: string | null;
    full_name: string | null;
    avatar_url: string | null;
    subscription_tier: "free" | "pro" | "enterprise" | "admin";
    credits: number;
    preferences: Preferences;
    available_models: Array<AvailableModel>;
    usage_stats: UsageStats;
    timestamps: UserTimes;
}
/**
 * As it is counted: reasoning is part of the completion and the cache part of the prompt, however the provider
 * reports them
 */
export interface CompletionUsage {
    prompt_tokens: number;
    completion_tokens: number;
    total_tokens: number;
}
export interface ContextMessage {
    id?: string | null;
    role: "user" | "assistant" | "system" | "tool";
    content: string;
    timestamp?: string | null;
    /** It failed, so the model does not get to see it */
    error?: boolean | null;
}
export interface Conversation {
    id: string;
    title: string;
    userId: string;
    messages: Array<Message>;
    createdAt: string;
    updatedAt: string;
    messageCount: number;
    totalTokens: number;
    lastModel: string | null;
    lastMessagePreview: string | null;
    lastMessageTimestamp: string | null;
    isActive: boolean;
}
export interface DatabaseHealth {
    tables: Array<TableHealth>;
    indexes: Array<IndexHealth>;
    /** The number of `users`, `sessions`, `messages` and `tokens` */
    totals: {
        [key: string]: number;
    };
    analyzed_at: string;
    active_users_7_days: number;
    database_size_bytes: number;
}
export interface Deleted {
    success: boolean;
    message: string;
}
export interface DeletedRecords {
    activity_logs: number;
    usage_records: number;
    cache_entries: number;
    conversations: number;
}
export interface Erased {
    success: boolean;
    erased_at: string;
    /** The number of deleted rows by kind */
    deleted: {
        [key: string]: number;
    };
}
export interface Erasure {
    /** To be sure that it is meant */
    confirm: "erase";
}
/** Everything that is stored about a user, list by list; rows have the columns of their tables */
export interface Export {
    profile: {
        [key: string]: unknown;
    };
    conversations: Array<{
        [key: string]: unknown;
    }>;
    activity_log: Array<{
        [key: string]: unknown;
    }>;
    usage: Array<{
        [key: string]: unknown;
    }>;
    [key: string]: unknown;
}
/** A line: what it is, and the item */
export interface ExportLine {
    type: string;
    [key: string]: unknown;
}
export interface FieldError {
    field: string;
    message: string;
}
export interface IndexHealth {
    index: string;
    table: string;
    scans: number;
    size_bytes: number;
}
export interface Message {
    /** Made by the client */
    id: string;
    role: "user" | "assistant" | "system" | "tool";
    /** At most 16 MiB */
    content: string;
    timestamp?: string | null;
    model?: string | null;
    total_tokens?: number | null;
    /** Counted for user messages */
    input_tokens?: number | null;
    /** Counted for assistant messages */
    output_tokens?: number | null;
    /** The user message that this answer answers */
    user_message_id?: string | null;
    contentType?: "text" | "markdown" | null;
    /** Seconds, kept to the millisecond */
    elapsed_time?: number | null;
    /** The provider's id of the answer */
    completion_id?: string | null;
    /** The message failed: it is kept and not counted */
    error?: boolean | null;
}
export interface MessageChange {
    /** At most 16 MiB */
    content: string;
}
export interface MessageDeleted {
    success: boolean;
    message: string;
}
export interface MessageList {
    messages: Array<Message>;
    count: number;
    /** Null unless there are more messages */
    next_cursor: string | null;
}
export interface MessageRow {
    id: string;
    user_id: string;
    session_id: string;
    role: "user" | "assistant" | "system" | "tool";
    content: string;
    model: string | null;
    total_tokens: number | null;
    input_tokens: number | null;
    output_tokens: number | null;
    user_message_id: string | null;
    content_type: "text" | "markdown" | null;
    /** Milliseconds */
    elapsed_ms: number | null;
    completion_id: string | null;
    message_timestamp: string;
    error_message: string | null;
    is_streaming: boolean;
    metadata: {
        [key: string]: unknown;
    };
}
export interface Model {
    id: string;
    name: string | null;
    description: string | null;
    tags: Array<string>;
    /** The tier that opens it */
    tier: "free" | "pro" | "enterprise" | "admin";
    input_cost_per_token: number;
    output_cost_per_token: number;
    /** Of an input token from the provider's cache; null is as any other */
    cached_input_cost_per_token: number | null;
    /** Tokens; null is unknown */
    context_length: number | null;
    is_default: boolean;
    limits: ModelLimits;
}
export interface ModelAccess {
    model_id: string;
    allowed: boolean;
    /** Why the model is not allowed */
    reason: "unknown_model" | "tier" | null;
    /** The lowest tier that opens it */
    required_tier: "free" | "pro" | "enterprise" | "admin" | null;
    limits: ModelLimits | null;
}
export interface ModelAccessChange {
    is_active?: boolean;
    input_cost_per_token?: number;
    output_cost_per_token?: number;
    /** Null is as any other input token */
    cached_input_cost_per_token?: number | null;
    /** Null is unlimited */
    daily_limit?: number | null;
    /** Null is unlimited */
    monthly_limit?: number | null;
    model_name?: string | null;
    model_description?: string | null;
    model_tags?: Array<string>;
    /** Null is unknown */
    context_length?: number | null;
}
export interface ModelLimit {
    limit: number;
    used: number;
    remaining: number;
    resets_at: string;
}
/** Answers per day and per month (UTC); null is unlimited */
export interface ModelLimits {
    daily: ModelLimit | null;
    monthly: ModelLimit | null;
}
export interface ModelList {
    models: Array<Model>;
    count: number;
    subscription_tier: "free" | "pro" | "enterprise" | "admin";
}
export interface ModelPreferences {
    /** A model that the caller's tier opens; null clears it */
    default_model?: string | null;
    /** 0 to 2, kept to two decimals */
    temperature?: number;
    system_prompt?: string | null;
    /** The models that a front end offers this user; null is all */
    allowed_models?: Array<string> | null;
}
export interface NewMessage {
    message: Message;
    sessionId: string;
}
export interface NewModelAccess {
    model_id: string;
    /** The lowest tier that it is open to */
    tier: "free" | "pro" | "enterprise" | "admin";
    is_active?: boolean | null;
    input_cost_per_token?: number | null;
    output_cost_per_token?: number | null;
    /** Of an input token from the provider's cache; null is as any other */
    cached_input_cost_per_token?: number | null;
    /** Answers per day; null is unlimited */
    daily_limit?: number | null;
    /** Answers per month; null is unlimited */
    monthly_limit?: number | null;
    model_name?: string | null;
    model_description?: string | null;
    model_tags?: Array<string> | null;
    /** Tokens; null is unknown */
    context_length?: number | null;
}
export interface NewSession {
    /** Made by the client */
    id: string;
    title?: string | null;
}
export interface OpenAiError {
    message: string;
    type: string;
    /** The field that is wrong */
    param: string | null;
    code: string | null;
}
export interface OpenAiErrorResponse {
    error: OpenAiError;
}
export interface OpenAiModel {
    id: string;
    object: string;
    /** Seconds since 1970 */
    created: number;
    owned_by: string;
}
export interface OpenAiModelList {
    object: string;
    data: Array<OpenAiModel>;
}
export interface Overview {
    from: string;
    to: string;
    users: number;
    new_users: number;
    active_users: number;
    messages: number;
    sessions_created: number;
    input_tokens: number;
    output_tokens: number;
    total_tokens: number;
    estimated_cost: number;
    /** Messages that failed */
    errors: number;
    top_models: Array<TopModel>;
}
export interface Preferences {
    ui: {
        [key: string]: unknown;
    };
    session: {
        [key: string]: unknown;
    };
    model: ModelPreferences;
}
/** An error (RFC 9457). `code` is stable, `error` and `detail` are one sentence for people. */
export interface Problem {
    status: number;
    title: string;
    detail: string;
    instance?: string;
    code: string;
    error: string;
    /** What is wrong with which field; only where fields are wrong */
    errors?: Array<FieldError>;
    /** Of the call that answers the same already */
    stream_id?: string;
    /** The quota that is used up */
    quota?: string;
    /** How much of it the tier has */
    limit?: number;
}
export interface Profile {
    id: string;
    email: string | null;
    full_name: string | null;
    avatar_url: string | null;
    subscription_tier: "free" | "pro" | "enterprise" | "admin";
    credits: number;
    created_at: string;
    updated_at: string;
    last_active: string | null;
}
export interface ProfileSummary {
    email: string | null;
    full_name: string | null;
    avatar_url: string | null;
    subscription_tier: "free" | "pro" | "enterprise" | "admin";
    credits: number;
}
export interface Question {
    id?: string | null;
    content: string;
    timestamp?: string | null;
}
export interface Quotas {
    /** Of the tier; null is no quota */
    sessions: number | null;
    messages: number | null;
    bytes: number | null;
}
export interface Session {
    id: string;
    user_id: string;
    title: string;
    /** Messages that did not fail */
    message_count: number;
    total_tokens: number;
    last_model: string | null;
    /** The first 200 characters of the newest message */
    last_message_preview: string | null;
    last_message_timestamp: string | null;
    is_active: boolean;
    created_at: string;
    updated_at: string;
    last_activity: string;
}
export interface SessionAnswer {
    session: Session;
    success: boolean;
}
export interface SessionList {
    sessions: Array<Session>;
    count: number;
    /** Null on the last page */
    next_cursor: string | null;
}
export interface SessionTitle {
    id: string;
    title: string;
}
export interface Storage {
    sessions: number;
    messages: number;
    /** Content of the messages, and calls of tools in answers */
    bytes: number;
    limits: Quotas;
}
export interface StoredMessage {
    message: MessageRow;
    success: boolean;
}
export interface StoredTotals {
    total_messages: number;
    total_tokens: number;
    sessions_created: number;
    last_reset: string;
    total_cost?: number;
}
export interface StoredUsageDay {
    usage_date: string;
    models_used: {
        [key: string]: number;
    };
    messages_sent: number;
    messages_received: number;
    input_tokens: number;
    output_tokens: number;
    total_tokens: number;
    sessions_created: number;
    active_minutes: number;
    estimated_cost: number;
    created_at: string;
    updated_at: string;
}
export interface SyncDetail {
    conversationId?: string;
    status?: string;
    messageCount?: number;
    error?: string;
}
export interface SyncDownload {
    conversations: Array<Conversation>;
    syncTime: string;
}
export interface SyncReport {
    synced: number;
    errors: number;
    /** In the order of the upload */
    details: Array<SyncDetail>;
}
export interface SyncRequest {
    conversations: Array<UploadedConversation>;
}
export interface SyncUpload {
    success: boolean;
    results: SyncReport;
    syncTime: string;
}
export interface Synced {
    success: boolean;
    updated: boolean;
    /** Field to `{old, new}` */
    changes: {
        [key: string]: unknown;
    };
}
export interface SystemStats {
    from: string;
    to: string;
    count: number;
    stats: Array<SystemStatsOfDay>;
}
export interface SystemStatsOfDay {
    id: string;
    stat_date: string;
    total_users: number;
    active_users_today: number;
    new_users_today: number;
    total_conversations: number;
    total_messages: number;
    total_tokens: number;
    database_size_mb: number;
    created_at: string;
}
export interface TableHealth {
    table: string;
    live_rows: number;
    dead_rows: number;
    index_scans: number | null;
    sequential_scans: number;
    total_size_bytes: number;
    last_vacuum: string | null;
    last_analyze: string | null;
}
export interface TopModel {
    model: string;
    messages_received: number;
    total_tokens: number;
    users: number;
    estimated_cost: number;
}
export interface UploadedConversation {
    id: string;
    title?: string | null;
    /** The caller; optional */
    userId?: string | null;
    messages?: Array<Message> | null;
    /** Kept when the conversation is new */
    createdAt?: string | null;
    /** Kept when the conversation is new; decides whether the title is newer */
    updatedAt?: string | null;
}
export interface UsageDay {
    date: string;
    /** Model id to number of answers */
    models_used: {
        [key: string]: number;
    };
    messages_sent: number;
    messages_received: number;
    input_tokens: number;
    output_tokens: number;
    total_tokens: number;
    sessions_created: number;
    active_minutes: number;
    estimated_cost: number;
}
export interface UsageDays {
    from: string;
    to: string;
    days: Array<UsageDay>;
    total: UsageFigures;
}
export interface UsageFigures {
    messages_sent: number;
    messages_received: number;
    input_tokens: number;
    output_tokens: number;
    total_tokens: number;
    sessions_created: number;
    /** Distinct minutes with activity */
    active_minutes: number;
    /** In the currency of the model prices */
    estimated_cost: number;
}
export interface UsageOfAllTime {
    total_messages: number;
    total_tokens: number;
    sessions_created: number;
    estimated_cost: number;
    since: string | null;
}
export interface UsageOfModel {
    model: string;
    messages_sent: number;
    messages_received: number;
    input_tokens: number;
    output_tokens: number;
    total_tokens: number;
    estimated_cost: number;
}
export interface UsageOfModels {
    from: string;
    to: string;
    models: Array<UsageOfModel>;
}
export interface UsageStats {
    /** Null without usage today */
    today: StoredUsageDay | null;
    total: StoredTotals;
    /** The newest days with usage */
    recent: Array<StoredUsageDay>;
}
export interface UsageSummary {
    today: UsageFigures;
    last_7_days: UsageFigures;
    last_30_days: UsageFigures;
    all_time: UsageOfAllTime;
}
export interface UsageToday {
    messages_sent: number;
    messages_received: number;
    input_tokens: number;
    output_tokens: number;
    total_tokens: number;
    /** Model id to number of answers */
    models_used: {
        [key: string]: number;
    };
    sessions_created: number;
    /** Distinct minutes with activity */
    active_minutes: number;
}
export interface UserChange {
    subscription_tier?: "free" | "pro" | "enterprise" | "admin";
    credits?: number;
}
export interface UserData {
    today: UsageToday;
    allTime: UserTotals;
    profile: ProfileSummary;
    preferences: Preferences;
    availableModels: Array<AvailableModel>;
    timestamps: UserTimes;
    storage: Storage;
}
export interface UserDataChange {
    ui?: {
        [key: string]: unknown;
    };
    session?: {
        [key: string]: unknown;
    };
    model?: ModelPreferences;
}
export interface UserTimes {
    created_at: string;
    updated_at: string;
    last_active: string | null;
}
export interface UserTotals {
    total_messages: number;
    total_tokens: number;
    sessions_created: number;
    last_reset: string | null;
}
