<?php
// What whmeter answered, or answered last where it does not now, or why there is nothing to show.

declare(strict_types=1);

namespace WHMCS\Module\Addon\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class Answer
{
    /** @param int|null $askedAt when it was answered, where that was before @param string $trouble why nothing came just now */
    public function __construct(public readonly ?array $body, public readonly ?int $askedAt, public readonly string $trouble)
    {
    }
}
