/// Tables of layers that ranks share out, around the passes over a batch.
#pragma once

#include <span>
#include <type_traits>
#include <vector>

#include <deeprec/core/layer.hpp>
#include <deeprec/core/table_rows.hpp>
#include <deeprec/training/row_exchange.hpp>

DEEPREC_BEGIN
namespace detail {

/// Before the passes over a batch the layers of the model say which rows they read (`ask`, as Embedding has it), which
/// come from their owners; after them the gradients go there. A table is an exchange of its own.
template <class T>
class SharedTables {
public:
    /// The ranks that train the model together; all call `fetch` and `give_back` alike from then on.
    void join(const AnyWorld& world) { world_ = world; }

    /// What passes over `inputs` read of the tables, for Pass::tables; null where none is shared out. `list` is the
    /// model's, with the gradients of those passes where `give_back` follows.
    template <class Model, class Inputs>
    const TableRows* fetch(const Model& model, const Inputs& inputs, const ParameterList<T>& list) {
        if (!world_) return nullptr;
        rows_.clear();
        model.ask(inputs, rows_);
        return fetch(list);
    }
    /// Of a rank without samples in a batch: the others get its rows, and it their gradients.
    template <class Model, class Gradients>
    void serve(const Model& model, Gradients& gradients) {
        gradients.prepare(model, 1);
        gradients.cleared(0);
        rows_.clear();
        fetch(gradients.list());
        give_back(0);
    }
    /// The gradients of the list become those of the rows here: the sum over the ranks, each times its `factor`.
    void give_back(double factor) {
        for (std::size_t i = 0; i < shared_.size(); ++i) {
            const SparseRows<T>& sum = *shared_[i].rows;
            const Index width = sum.width(), n = static_cast<Index>(rows_.find(shared_[i].values)->ids.size());
            T* const values = values_.need(n * width);
            std::uint8_t* const touched = touched_.need_zeros(n);
            for (std::size_t row = 0; row < sum.ids().size(); ++row) {
                kernels::copy<T>(sum.values(row), values + sum.ids()[row] * width, width);
                touched[sum.ids()[row]] = 1;
            }
            const typename RowExchange<T>::Gradient gradient{values, touched};
            exchanges_[i].give_back({&gradient, 1}, factor, *world_);
        }
    }

private:
    const TableRows* fetch(const ParameterList<T>& list) {
        shared_.clear();
        for (const Parameter<T>& p : list)
            if (p.shard) shared_.push_back(p);
        while (exchanges_.size() < shared_.size()) exchanges_.emplace_back(0);
        for (std::size_t i = 0; i < shared_.size(); ++i) {
            TableRows::Table& table = rows_.sorted(shared_[i].values);
            exchanges_[i].fetch(table.ids, {shared_[i]}, *world_);
            table.rows = exchanges_[i].rows(0);
        }
        return shared_.empty() ? nullptr : &rows_;
    }

    AnyWorld world_;
    TableRows rows_;
    ParameterList<T> shared_;  // the tables that are shared out
    std::vector<RowExchange<T>> exchanges_;
    Buffer<T> values_;
    Buffer<std::uint8_t> touched_;
};

/// Of models that can have no such tables: nothing, at no cost.
struct NoSharedTables {
    void join(const AnyWorld&) {}
    template <class Model, class Inputs, class List>
    const TableRows* fetch(const Model&, const Inputs&, const List&) {
        return nullptr;
    }
    template <class Model, class Gradients>
    void serve(const Model&, Gradients&) {}
    void give_back(double) {}
};
template <class Model>
using SharedTablesOf = std::conditional_t<asks_rows<Model>(), SharedTables<typename Model::Scalar>, NoSharedTables>;

}  // namespace detail
DEEPREC_END
