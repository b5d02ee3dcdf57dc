/// Two towers and a head that compares them.
#pragma once

#include <deeprec/core/inputs.hpp>
#include <deeprec/models/concatenation.hpp>
#include <deeprec/models/head.hpp>
#include <deeprec/models/pair_head.hpp>

DEEPREC_BEGIN

/// Shapes of one sample of each tower.
template <class User = Shape, class Item = Shape>
struct TowerShapes {
    User user;  ///< without the batch axis
    Item item;  ///< without the batch axis
};

/// score = head([user(x_u); item(x_i)]), or head(user(x_u), item(x_i)) for a pair head such as `Dot{}` or
/// `Sequential{Dot{}, Dense{1, sigmoid}}`.
///
/// Shapes: users [B, ...], items [B / block * G, ...] (see Pair) -> scores [B*G, 1], candidates of a user side by side.
/// Towers end in one vector a sample, rank 2. A head over the concatenation is a Sequential that starts with Dense.
/// Parameters are named by part: "user.0.kernel", "item.2.bias", "head.1.kernel". `user`, `item` and `head` are the
/// parts themselves, layers in their own right.
template <class User, class Item, class HeadLayers>
class TwoTower {
    static_assert(std::is_same_v<typename User::Scalar, typename Item::Scalar>,
                  "TwoTower: the user tower and the item tower must have one scalar type");
    static_assert(std::is_same_v<typename User::Scalar, typename HeadLayers::Scalar>,
                  "TwoTower: the head must have the scalar type of the towers");
    template <class Tower>
    static constexpr int tower_rank = Tower::template output_rank<typename Tower::InputElement, any_rank>();
    static_assert(tower_rank<User> == 2 || tower_rank<User> == any_rank,
                  "TwoTower: the user tower must end in one vector a sample (Flatten, a global pooling or a last state)");
    static_assert(tower_rank<Item> == 2 || tower_rank<Item> == any_rank,
                  "TwoTower: the item tower must end in one vector a sample (Flatten, a global pooling or a last state)");

    template <class H>
    struct HeadOf {
        using type = Concatenation<H>;
    };
    template <PairHead H>
    struct HeadOf<H> {
        using type = PairScores<H>;
    };
    using HeadModel = typename HeadOf<HeadLayers>::type;
    static_assert(Head<HeadModel>);

public:
    using Scalar = typename HeadLayers::Scalar;
    static constexpr bool asks = detail::asks_rows<User>() || detail::asks_rows<Item>();  // the head reads numbers
    using FinalActivation = typename HeadModel::FinalActivation;
    using Shapes = TowerShapes<typename Block<const typename User::InputElement>::Sample,
                               typename Block<const typename Item::InputElement>::Sample>;
    struct Cache {
        typename User::Cache user;
        typename Item::Cache item;
        typename HeadModel::Cache head;
    };
    struct Gradients {
        typename User::Gradients user;
        typename Item::Gradients item;
        typename HeadModel::Gradients head;
    };

    TwoTower() = default;
    TwoTower(User user_tower, Item item_tower, HeadLayers head_layers)
        : user(std::move(user_tower)), item(std::move(item_tower)), head(std::move(head_layers)) {}

    static constexpr std::string_view name() { return "TwoTower"; }
    /// Sizes and initialises all parts: `build({{50}, {20}}, Seed{42})`, with named shapes for a tower that reads
    /// fields.
    Shape build(const Shapes& in, Seed seed) {
        const Shape out = size(in);
        detail::make_parameters(*this, seed);
        return out;
    }
    /// Shapes alone of all parts; `build` calls it.
    Shape size(const Shapes& in) {
        const Shape u = shapes_[0] = part("user tower", [&] { return detail::size_checked(user, in.user); });
        const Shape v = shapes_[1] = part("item tower", [&] { return detail::size_checked(item, in.item); });
        if (u.rank() != 1 || v.rank() != 1)
            throw ShapeError(message("TwoTower: towers must give one vector a sample, received ", u, " and ", v));
        return shapes_[2] = part("head", [&] { return head.size(u, v); });
    }
    /// Sizes what was read from a file.
    void restore() { size({user.input_shape(), item.input_shape()}); }
    void fields(Fields<Scalar>& f, Gradients& g) {
        f.part("user", user, g.user, 0);
        f.part("item", item, g.item, 1);
        f.part("head", head, g.head, 2);
    }
    Gradients zero_gradients() const { return detail::make_gradients(*this); }
    void parameters_changed() {
        user.parameters_changed();
        item.parameters_changed();
        head.parameters_changed();
    }

    template <class U, class V>
    View<const Scalar, 2> forward(const Pair<U, V>& x, Cache& cache, const Pass& pass = {}) const {
        const View<const Scalar, 2> u = user.forward(x.user, cache.user, pass.for_part(0));
        const Index candidates = candidates_per_user(sample_count(x), view(x.item).extent(0), x.block);
        const View<const Scalar, 2> v =
            item.forward(x.item, cache.item, at_candidates(pass.for_part(1), candidates, x.block));
        return head.forward(u, v, x.block, cache.head, at_candidates(pass.for_part(2, true), candidates, 1));
    }
    template <class XU, class XI>
        requires(!std::is_same_v<XI, Cache>)
    View<const Scalar, 2> forward(const XU& users, const XI& items, Cache& cache, const Pass& pass = {})
    const { return forward(Pair{view(users), view(items)}, cache, pass); }
    /// Returns Pair{dL/du, dL/di} of the towers' inputs.
    template <class DY>
    auto backward(const DY& dy, Cache& cache, Gradients& gradients, InputGradient want = InputGradient::compute) const {
        const auto d = head.backward(dy, cache.head, gradients.head);
        auto dv = item.backward(d.item, cache.item, gradients.item, want);
        return Pair{user.backward(d.user, cache.user, gradients.user, want), dv};
    }

    template <class U, class V>
    void ask(const Pair<U, V>& x, TableRows& tables) const {
        detail::ask_rows(user, Block(view(x.user)), tables);
        detail::ask_rows(item, Block(view(x.item)), tables);
    }

    /// The Heads that the head ends in.
    const auto& heads() const
        requires requires(const HeadModel& last) { last.heads(); }
    {
        return head.heads();
    }
    void summary(std::ostream& out) const {
        std::vector<SummaryRow> rows;
        const auto add = [&](std::string_view prefix, const auto& part, const Shape& output) {
            if constexpr (requires { part.summary_rows(); }) {
                for (SummaryRow row : part.summary_rows()) {
                    row.layer = message(prefix, row.layer);
                    rows.push_back(std::move(row));
                }
            } else {  // a single layer
                rows.push_back(summary_row(message(prefix, part.name()), part, output));
            }
        };
        add("user.", user, shapes_[0]);
        add("item.", item, shapes_[1]);
        add("head.", head, shapes_[2]);
        print_summary(out, rows);
    }

    User user;       ///< makes a vector of what the user did
    Item item;       ///< makes a vector of what is known of the item
    HeadModel head;  ///< makes a score of both

private:
    template <class Size>
    static Shape part(std::string_view which, Size&& size) {
        try {
            return size();
        } catch (const ShapeError& error) {
            throw ShapeError(message(which, ", ", error.what()));
        }
    }
    /// The items of a block are counted on their own.
    static Pass at_candidates(Pass pass, Index candidates, Index block) {
        pass.first_row = pass.first_row / block * candidates;
        return pass;
    }
    std::array<Shape, 3> shapes_;  // outputs of user, item and head
};

DEEPREC_END
