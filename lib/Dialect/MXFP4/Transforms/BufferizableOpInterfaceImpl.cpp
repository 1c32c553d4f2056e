//===----------------------------------------------------------------------===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// One model serves every op: all are in destination style, so the op on memrefs
// is the same op with buffers for operands and no results.
//
//===----------------------------------------------------------------------===//

#include "mxfp4/Dialect/MXFP4/Transforms/BufferizableOpInterfaceImpl.h"

#include "mlir/Dialect/Bufferization/IR/BufferizableOpInterface.h"
#include "mlir/Dialect/Bufferization/IR/DstBufferizableOpInterfaceImpl.h"
#include "mlir/IR/DialectRegistry.h"
#include "mxfp4/Dialect/NN/IR/NN.h"

using namespace mlir;
using namespace mlir::bufferization;

namespace {
template <typename OpTy>
struct DestinationStyleModel final
    : DstBufferizableOpInterfaceExternalModel<DestinationStyleModel<OpTy>,
                                              OpTy> {
  bool bufferizesToMemoryRead(Operation *op, OpOperand &operand,
                              const AnalysisState &state) const {
    // Only a cache keeps some of what it held.
    return std::is_same_v<OpTy, nn::CacheUpdateOp> ||
           !cast<DestinationStyleOpInterface>(op).isDpsInit(&operand);
  }

  LogicalResult bufferize(Operation *op, RewriterBase &rewriter,
                          const BufferizationOptions &options,
                          BufferizationState &state) const {
    auto destinationOp = cast<DestinationStyleOpInterface>(op);
    if (destinationOp.hasPureBufferSemantics())
      return success();
    SmallVector<Value> operands;
    for (Value operand : op->getOperands()) {
      if (!isa<TensorType>(operand.getType())) {
        operands.push_back(operand);
        continue;
      }
      FailureOr<Value> buffer = getBuffer(rewriter, operand, options, state);
      if (failed(buffer))
        return failure();
      operands.push_back(*buffer);
    }
    SmallVector<Value> results;
    for (OpOperand &init : destinationOp.getDpsInitsMutable())
      results.push_back(operands[init.getOperandNumber()]);
    rewriter.setInsertionPoint(op);
    OperationState newOp(op->getLoc(), op->getName());
    newOp.addOperands(operands);
    newOp.propertiesAttr = op->getPropertiesAsAttribute();
    newOp.addAttributes(op->getDiscardableAttrDictionary().getValue());
    rewriter.create(newOp);
    replaceOpWithBufferizedValues(rewriter, op, results);
    return success();
  }
};

template <typename... OpTys> void attachModels(MLIRContext *context) {
  (OpTys::template attachInterface<DestinationStyleModel<OpTys>>(*context),
   ...);
}
} // namespace

void mxfp4::registerBufferizableOpInterfaceModels(DialectRegistry &registry) {
  registry.addExtension(+[](MLIRContext *context, MXFP4Dialect *) {
    attachModels<DequantizeIntoOp, QuantizeIntoOp, PackOp, MatmulOp,
                 MatmulByExpertOp>(context);
  });
  registry.addExtension(+[](MLIRContext *context, nn::NNDialect *) {
    attachModels<nn::EmbeddingOp, nn::RMSNormOp, nn::LinearOp,
                 nn::RotaryEmbeddingOp, nn::AttentionOp, nn::CacheUpdateOp,
                 nn::RouteTopKOp, nn::AddExpertBiasOp, nn::SwiGLUOp,
                 nn::CombineExpertsOp, nn::SampleOp>(context);
  });
}
