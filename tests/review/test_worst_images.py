# Copyright 2026 The pointwssis authors. Licensed under the Apache License, Version 2.0.
from helpers.doubtful_labels import label, others, row
from pointwssis.pseudo_labeling.doubt import label_doubts
from pointwssis.review.worst_images import worst_images


def test_images_with_the_most_doubtful_labels_come_first(make):
    # One tenth of the 18 labels are doubtful: both of the third image. The second has the larger sum of doubts.
    many = [item for first_id, left in ((20, 5), (30, 30), (40, 50)) for item in others(first_id, left, score=0.6)]
    rows = [row(1, *others(10)), row(2, *many)]
    rows.append(row(3, label(1, score=0.1), label(2, (50, 20, 60, 30), (54.5, 24.5), score=0.05)))
    images = worst_images(label_doubts(make(*rows)))
    assert [image.row for image in images] == [2, 1, 0]
    assert [image.doubtful for image in images] == [2, 0, 0]
    assert images[1].total > images[0].total and [one.item["id"] for one in images[0].labels] == [2, 1]
