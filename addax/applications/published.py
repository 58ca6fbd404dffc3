"""Published facts of each family: the paper, the scaling of pixels, and the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """A family of networks as its authors and Keras published it.

    Attributes:
        title, arxiv: Title of the paper, and its number on arxiv.org.
        mode: Mode of `preprocess_input`; None if the networks scale pixels themselves.
        path: Path of the file of weights in `folder`. `{name}` is the default name of the model; `{notop}` and
            `{no_top}` end the names of files without the classifier. A member of the family may have another path.
        folder: Folder on the server.
        remote: Function from the local name of the file to that on the server.
    """

    title: str
    arxiv: str
    mode: str | None
    path: str = ""
    folder: str = "tensorflow/keras-applications"
    remote: Callable[[str], str] = str

    @property
    def paper(self) -> str:
        """Title and address of the paper."""
        return f"{self.title}, https://arxiv.org/abs/{self.arxiv}."


_KERNELS = "weights_tf_dim_ordering_tf_kernels{notop}.h5"

# By module. The paths of MobileNets follow from the arguments; see their modules.
PUBLISHED = {
    "convnext": Published("A ConvNet for the 2020s", "2201.03545", None, "convnext/{name}{notop}.h5"),
    "densenet": Published(
        "Densely Connected Convolutional Networks", "1608.06993", "torch", f"densenet/{{name}}_{_KERNELS}"
    ),
    "efficientnet": Published(
        *("EfficientNet: Rethinking Model Scaling for Convolutional Neural Networks", "1905.11946", None),
        path="{name}{notop}.h5",
        folder="keras-applications",
    ),
    "efficientnet_v2": Published(
        *("EfficientNetV2: Smaller Models and Faster Training", "2104.00298", None, "efficientnet_v2/{name}{notop}.h5")
    ),
    "inception_resnet_v2": Published(
        *("Inception-v4, Inception-ResNet and the Impact of Residual Connections on Learning", "1602.07261", "tf"),
        path=f"inception_resnet_v2/inception_resnet_v2_{_KERNELS}",
    ),
    "inception_v3": Published(
        *("Rethinking the Inception Architecture for Computer Vision", "1512.00567", "tf"),
        path=f"inception_v3/inception_v3_{_KERNELS}",
    ),
    "mobilenet": Published(
        "MobileNets: Efficient Convolutional Neural Networks for Mobile Vision Applications", "1704.04861", "tf"
    ),
    "mobilenet_v2": Published("MobileNetV2: Inverted Residuals and Linear Bottlenecks", "1801.04381", "tf"),
    "mobilenet_v3": Published("Searching for MobileNetV3", "1905.02244", None),
    "nasnet": Published(
        *("Learning Transferable Architectures for Scalable Image Recognition", "1707.07012", "tf"),
        path="nasnet/{name}{no_top}.h5",
        remote=lambda file: file.replace("nasnet", "NASNet").replace("_", "-"),
    ),
    "resnet": Published(
        "Deep Residual Learning for Image Recognition", "1512.03385", "caffe", f"resnet/{{name}}_{_KERNELS}"
    ),
    "resnet_v2": Published(
        "Identity Mappings in Deep Residual Networks", "1603.05027", "tf", f"resnet/{{name}}_{_KERNELS}"
    ),
    "vgg": Published(
        *("Very Deep Convolutional Networks for Large-Scale Image Recognition", "1409.1556", "caffe"),
        path=f"{{name}}/{{name}}_{_KERNELS}",
    ),
    "xception": Published(
        *("Xception: Deep Learning with Depthwise Separable Convolutions", "1610.02357", "tf"),
        path=f"xception/xception_{_KERNELS}",
    ),
}
