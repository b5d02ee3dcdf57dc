/// What each target starts from, made with the library's own writers where it has some.
#include <fstream>
#include <sstream>

#include <deeprec/data/feature_spec.hpp>
#include <deeprec/data/tables/sequence_file.hpp>
#include <deeprec/data/tables/table_file.hpp>
#include <deeprec/recommender/recommender_file.hpp>

#include "fuzz/field_shop.hpp"
#include "fuzz/fuzz.hpp"
#include "fuzz/training.hpp"
#include "support/saved_models.hpp"

using namespace deeprec;

namespace {

std::string join(std::initializer_list<std::string_view> files) {
    std::string all;
    for (const std::string_view file : files) (all += file) += fuzz::next_file;
    all.pop_back();
    return all;
}
std::string tensors() {
    const float floats[] = {1.5f, -0.0f};
    const double doubles[] = {0.1};
    const std::int32_t ids[] = {-7};
    const std::uint8_t bytes[] = {200};
    SafetensorsWriter writer;
    writer.metadata = {{"format", "pt"}, {"caf\xc3\xa9", "\"\\\n"}};
    writer.add<float>("a", {2, 1}, floats);
    writer.add<double>("b", {1}, doubles);
    writer.add<std::int32_t>("c", {}, ids);
    writer.add<std::uint8_t>("d", {1}, bytes);
    writer.add<float>("e", {3, 0}, nullptr);
    std::ostringstream out;
    writer.write(out);
    return std::move(out).str();
}
std::string renamed(std::string text, std::string_view from, std::string_view to) {
    return text.replace(text.find(from), from.size(), to);
}
std::string features() {
    using Texts = std::vector<std::string>;
    const std::vector<FeatureRow> rows{{{"id", "ann"}, {"job", "x"}, {"age", 30.0}, {"genres", Texts{"a", "b"}}},
                                       {{"id", "bob"}, {"age", 10.0}, {"words", Texts{"the", "the", "end"}}}};
    return FeatureSpec::fit({{.name = "id", .kind = FeatureKind::id},
                             {.name = "job", .kind = FeatureKind::hashed, .buckets = 7},
                             {.name = "age", .kind = FeatureKind::number},
                             {.name = "genres", .kind = FeatureKind::bag, .min_count = 1},
                             {.name = "words", .kind = FeatureKind::tokens, .length = 4}},
                            rows)
        .json();
}
template <class Write>
std::string written(const char* name, const Write& write) {
    std::ostringstream text;
    const support::TemporaryDirectory directory;
    write(directory.path());
    text << std::ifstream(directory.path() / name, std::ios::binary).rdbuf();
    return std::move(text).str();
}
EventTable events() {
    EventTable table{{Column{"event", ColumnKind::category}, Column{"price", ColumnKind::number},
                      Column{"note", ColumnKind::text}, Column{"tags", ColumnKind::categories},
                      Column{"image", ColumnKind::vector}}};
    table.add("ann", "a", 300, {"view", 1.5, "caf\xc3\xa9", std::vector<std::string>{"x", "y"}, {}});
    table.add("bob", "b", 100, {"buy", {}, "", {}, std::vector<float>{1, 2}});
    table.add("ann", "c", 200, {{}, 2.0, "z", std::vector<std::string>{"y"}, std::vector<float>{3, 4}});
    return table;
}
Tables tables() {
    Tables all{events(), {}, {}};
    all.items.keys.add("a");
    return all;
}
AnyRecommender shop() {
    Dataset data;
    data.interactions = events().interactions();
    for (const char* title : {"Heat", "", "L\xc3\xa9on"}) data.items.add({title, 1995, {"Crime"}});
    const Sequences train(data.interactions);
    return {AnyHybrid({Popularity(train), Markov(train), ItemKnn(train), WindowRules(train, 2),
                       BprMf(train, {.width = 2, .epochs = 1})},
                      {1, 0.5, 0.25, 2, 1}),
            data, FeatureSpec::parse(features())};
}

}  // namespace

void fuzz::write_seeds(const std::filesystem::path& directory) {
    int number = 0;
    const auto seed = [&](const char* target, const std::string& bytes) {
        std::filesystem::create_directories(directory / target);
        std::ofstream(directory / target / ("seed-" + std::to_string(number++)), std::ios::binary) << bytes;
    };
    seed("json", R"(0{"k": "\u0041\u00e9\ud83d\ude00\/\b\f\n\r\t\"\\", "n": [0, 1, 9223372036854775807]})");
    seed("json", "1\xef\xbb\xbf{}");
    seed("safetensors", tensors());
    seed("safetensors", renamed(tensors(), "F32", "F16"));
    seed("safetensors", renamed(renamed(tensors(), "I32", "I64"), "F64", "C64"));
    for (int kind = 0; kind < support::saved_kinds; ++kind)
        support::with_kind(kind,
                           [&](const auto& make) { seed("model", std::to_string(kind) + support::saved(make())); });
    seed("features", features());
    seed("features", R"([{"name":"a","kind":"number","mean":"1e-3","deviation":"nan"}])");
    for (const auto writes : {fuzz::Writes::epochs, fuzz::Writes::inside})
        seed("state", written("last.state", [&](const auto& run) { fuzz::train(run, 2, writes); }));
    seed(
        "features",
        R"([{"name":"v","kind":"vector","width":2},{"name":"b","kind":"bucket","field":"age","bounds":["1.5","3"]},)"
        R"({"name":"t","kind":"hour","field":"time"},{"name":"a","kind":"number","log":1,"mean":"0","deviation":"1"}])");
    seed("tables", std::string(2, '\0') + written("tables", [](const auto& to) { save(tables(), to / "tables"); }));
    seed("tables", std::string("\x01\x00", 2) + "item,event,price,note,tags,image\na,x,1.5,\"n, m\",p|q,1 2\nb,,,,,\n");
    for (const char options : {'\2', '\6', '\x3b', '\x52'})
        seed("tables", std::string("\2") + options +
                           "user,item,time,event,price,note,tags,image\nann,a,1700000000,view,2,,p|q,1 2\n"
                           "bob,a,1700000001,buy,NULL,x,,\nann,b,1700000002.5,view,4,y,q,3 4\n");
    seed("sequence_file", written("file", [](const auto& to) { save_sequences(events(), to / "file"); }));
    seed("recommender", written("shop", [](const auto& to) { save(shop(), to / "shop"); }));
    seed("recommender", written("shop", [](const auto& to) { save(fuzz::field_shop(), to / "shop"); }));
    const std::string events = "user,item,rating,time\nann,\"a, \"\"b\"\"\",4.5,881250949\nbob,c,3,881250950.5\n";
    for (const char* options : {"0\0000", "00C", "240"}) seed("csv", options + events);
    seed("csv", std::string("1\x08") + "2\"a\"; b;\"c \\\"d\\\"\ne\"\n1,5;\x80;\n");
    seed("csv", std::string("2\0002", 3) + "a\tb\n\"x\" y\t2\n");
    seed("interactions_csv", "00" + events);
    seed("interactions_csv", std::string("\x10\x03") + "ann,c,1,2009-05-04T23:08:57Z\n");
    seed("interactions_csv", "23user,item,rating,time\na,b,1,1546300800000\n,,,\n");
    seed("sequences", join({"01 5 3 1\n2 4 2\n3 1\n", "1 4 2\n3 5\n"}));
    seed("sequences", join({"10 0 1 2\n1 3 4\n2 \n", "1 0\n"}));
    seed("sequences", join({"21 1\n1 2\n2 1\n", "2 2\n"}));
    seed("item_attributes", "{\"1\": [1, 2, 2], \"a\": [], \"9\": [70000]}");
    seed("recbole",
         join({"0user_id:token\titem_id:token\ttimestamp:float\nu1\ta\t1e9\nu2\tb\t881250949.5\n",
               "item_id:token\ttitle:token_seq\tyear:token\tclass:token_seq\na\tHeat\t1995\tCrime Drama\n"}));
    seed("recbole",
         "1id:token\tcity:token\tage:float\tlikes:token_seq\tplace:float_seq\n"
         "a\tRome\t31.5\tjazz opera\t1 2\nb\t\t\t\t\nz\tBern\t1\tx\t1\n");
    seed("recbole", join({"2user_id:token\titem_id:token\ttimestamp:float\tkind:token\nu1\ta\t1e9\tview\n",
                          "item_id:token\ttitle:token_seq\tpicture:float_seq\na\tHeat\t1 2\nb\t\t\n",
                          "user_id:token\tage:float\nu1\t31\n"}));
    seed("movielens",
         join({"0userId,movieId,rating,timestamp\n1,2,3.5,10\n2,1,4,11\n",
               "movieId,title,genres\n1,\"Heat, The \"\"H\"\" (1995)\",Crime|Drama\n2,L\xc3\xa9on,Crime\n"}));
    seed("movielens",
         join({"11\t2\t3\t10\n2\t1\t5\t11\n", "1|Heat (1995)|01-Jan-1995||x|0|1\n2|L\xe9on (1994)|||x|1|0\n",
               "unknown|0\nCrime|1\n", "1|24|M|writer|1\n2|25|F|other|2\n"}));
    seed("movielens", join({"21::2::3::10\n2::1::5::11\n", "1::Heat (1995)::Crime\n2::L\xe9on (1994)::Crime|Drama\n",
                            "1::F::1::10::48067\n2::M::56::16::70072\n"}));
    seed("movielens",
         "3\"movieId\",\"title\",\"year\",\"genres\",\"userId\",\"rating\",\"timestamp\"\n31,\"Heat, "
         "\"\"The\"\"\",1995,\"Crime|Drama\",1,2.5,10\n9,NA,NA,\"Drama\",1,3,11\n");
}
