// What is done with a bundle as a file: grow, export, verify.
#include <cmath>
#include <memory>

#include <CLI/CLI.hpp>
#include <deeprec/io/replace_file.hpp>
#include <deeprec/io/safetensors.hpp>
#include <deeprec/recommender/recommender_file.hpp>

#include "program.hpp"
#include "sha256.hpp"

namespace program {

namespace {

// grow

struct GrowOptions {
    std::string bundle, data, out;
};
void grow_bundle(const GrowOptions& o) {
    Progress steps("grow, steps", 4);
    AnyRecommender shop = load_bundle(o.bundle);
    const Prepared more = read_prepared(o.data);
    steps.add(1);
    const Vocabulary& keys = more.data.interactions.items;
    std::vector<std::string> fresh;
    for (std::int32_t id = 1; id <= keys.size(); ++id)
        if (!shop.items().find(keys.key(id))) fresh.push_back(keys.key(id));
    ItemTexts texts;  // of the columns that the bundle has
    const auto names = shop.column_names();
    for (auto& [name, own] : item_texts(more))
        if (std::find(names.begin(), names.end(), name) != names.end()) texts[name] = std::move(own);
    add_items(shop, fresh, texts);
    steps.add(1);

    const std::int32_t users = shop.users().size();
    const EventTable& events = more.tables.events;
    add_events(shop, events);
    if (!shop.served_fields().users().fields().empty() && !more.tables.users.columns.empty())
        set_users(shop, more.tables.users);
    if (!fresh.empty() || events.size() > 0) shop.about["grown"] = "yes";
    steps.add(1);
    const std::string& out = o.out.empty() ? o.bundle : o.out;
    save(shop, out);
    steps.add(1);
    std::printf("Written: %s, with %zu new items, %d new users and %td more events\n", out.c_str(), fresh.size(),
                shop.users().size() - users, events.size());
}

// export

struct ExportOptions {
    std::string bundle, out;
    Index similar = 20;
};
std::string joined(const std::vector<std::string>& values) {
    std::string all;
    for (const std::string& value : values) all += (all.empty() ? "" : "|") + value;
    return all;
}
void export_bundle(const ExportOptions& o) {
    const AnyRecommender shop = load_bundle(o.bundle);
    const std::filesystem::path directory = o.out.empty() ? o.bundle + ".export" : o.out;
    std::filesystem::create_directories(directory);
    {
        FileReplacement file(directory / "items.csv");
        const auto names = shop.column_names();
        std::string line = "id,key";
        for (const std::string& name : names) line += "," + csv(name);
        file.write(line + "\n");
        for (std::int32_t id = 1; id <= shop.items().size(); ++id) {
            const std::string& key = shop.items().key(id);
            line = std::to_string(id) + "," + csv(key);
            for (const std::string& name : names) line += "," + csv(joined(shop.values(name, key)));
            file.write(line + "\n");
        }
        file.commit();
        std::printf("Written: %s, %d items with their ids\n", (directory / "items.csv").c_str(), shop.items().size());
    }
    export_model(shop.scorer(), directory);
    if (o.similar == 0) return;
    FileReplacement file(directory / "similar.csv");
    file.write("key,rank,similar,score\n");
    Progress progress("similar.csv, items", shop.items().size());
    for (std::int32_t id = 1; id <= shop.items().size(); ++id) {
        const std::string& key = shop.items().key(id);
        std::string lines;
        int rank = 0;
        KeyHits hits;
        try {
            hits = shop.similar_items(key, o.similar);
        } catch (const ArgumentError& error) {
            std::printf("No similar.csv: %s\n", error.what());
            return;
        }
        for (const KeyHit& hit : hits)
            lines += csv(key) + "," + std::to_string(++rank) + "," + csv(hit.key) + "," +
                     fixed(static_cast<double>(hit.score), 6) + "\n";
        file.write(lines);
        progress.add(1);
    }
    file.commit();
    std::printf("Written: %s, the %ld items most similar to each\n", (directory / "similar.csv").c_str(),
                static_cast<long>(o.similar));
}

// verify

struct VerifyOptions {
    std::string bundle, sha256;
};
template <class T>
void check_finite(SafetensorsReader& file, const std::string& name, const TensorEntry& entry, std::size_t& numbers) {
    std::vector<T> all(static_cast<std::size_t>(entry.end - entry.begin) / sizeof(T));
    file.read(name, entry.shape, all.data());
    for (std::size_t i = 0; i < all.size(); ++i)
        if (!std::isfinite(all[i]))
            throw NumericError(message(file.name(), ": tensor ", name, ": number ", i, " is ", all[i]));
    numbers += all.size();
}
void verify(const VerifyOptions& o) {
    SafetensorsReader file(o.bundle);
    std::size_t numbers = 0;
    for (const auto& [name, entry] : file.tensors()) {
        if (entry.dtype == "F32") check_finite<float>(file, name, entry, numbers);
        if (entry.dtype == "F64") check_finite<double>(file, name, entry, numbers);
    }
    std::printf("%zu tensors, their %zu weights and scores are finite\n", file.tensors().size(), numbers);
    const AnyRecommender shop = load_bundle(o.bundle);  // which runs the file's own request again
    std::printf("its own request has its own answer here\n");
    const auto about = [&](const char* name) {
        const auto found = shop.about.find(name);
        return found == shop.about.end() ? std::string("unknown") : found->second;
    };
    std::printf("recipe %s, data %s, split %s, seed %s, deeprec %s; %d items, %d users\n", about("recipe").c_str(),
                about("data").c_str(), about("split").c_str(), about("seed").c_str(), about("deeprec").c_str(),
                shop.items().size(), shop.users().size());
    std::printf("protocol: %s\nvalidation: %s\n", about("protocol").c_str(), about("validation").c_str());
    const std::string hash = sha256_of(o.bundle);
    std::printf("sha256 %s\n", hash.c_str());
    if (!o.sha256.empty() && o.sha256 != hash)
        throw DataError(o.bundle + ": expected the sha256 " + o.sha256 + ", received " + hash);
}

}  // namespace

void add_grow(CLI::App& app) {
    const auto o = std::make_shared<GrowOptions>();
    CLI::App* const c = app.add_subcommand("grow", "put new items, users and events into a bundle, without training");
    c->add_option("BUNDLE", o->bundle, "what deeprec train wrote")->required();
    c->add_option("DATA", o->data, "what deeprec prepare made of the events and items that are new")->required();
    c->add_option("-o,--out", o->out, "the bundle to write; default: in place of BUNDLE");
    c->footer(
        "New items are recommended by their categories where the model knows those, with deeprec train without\n"
        "--no-attributes, and of the two towers by the words of their titles too; others know nothing of them until\n"
        "the next training.\n"
        "Example:\n  deeprec prepare today.csv --items items.csv -o today.deeprec\n"
        "  deeprec grow shop.deeprec today.deeprec");
    set_work(c, [o] { grow_bundle(*o); });
}
void add_export(CLI::App& app) {
    const auto o = std::make_shared<ExportOptions>();
    CLI::App* const c = app.add_subcommand("export", "write what other programs read: ONNX, npy, CSV");
    c->add_option("BUNDLE", o->bundle, "what deeprec train wrote")->required();
    c->add_option("-o,--out", o->out, "the directory to write into; default: BUNDLE.export");
    c->add_option("--similar", o->similar, "similar items for each in similar.csv; 0 = no such file")
        ->check(CLI::Range(0, 1000));
    c->footer("Example:\n  deeprec export shop.deeprec -o exported");
    set_work(c, [o] { export_bundle(*o); });
}
void add_verify(CLI::App& app) {
    const auto o = std::make_shared<VerifyOptions>();
    CLI::App* const c = app.add_subcommand("verify", "check a bundle: whole, finite, with the answers that it had");
    c->add_option("BUNDLE", o->bundle, "what deeprec train wrote")->required();
    c->add_option("--sha256", o->sha256, "what the file's SHA-256 is to be, as sha256sum prints it");
    c->footer("Example:\n  deeprec verify shop.deeprec");
    set_work(c, [o] { verify(*o); });
}

}  // namespace program
