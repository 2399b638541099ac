<?php
// One configurable option as a customer has chosen it, and the size it stands for.

declare(strict_types=1);

namespace WHMCS\Module\Server\Whmeter;

defined('WHMCS') || exit('This file cannot be accessed directly');

final class ChosenOption
{
    /**
     * @param string $meter storage, traffic_in, traffic_out or traffic_total
     * @param int|null $bytes null for what is no size
     * @param bool $isWhole whether it is the limit, and not something on top of the product's
     */
    public function __construct(
        public readonly string $meter,
        public readonly string $name,
        public readonly string $text,
        public readonly ?int $bytes,
        public readonly bool $isWhole,
    ) {
    }
}
